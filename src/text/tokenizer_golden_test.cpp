#include <gtest/gtest.h>

#include "text/golden_text_test.h"
#include "text/tokenizer.h"

namespace polaris {
namespace {

using Ids = std::vector<TokenId>;

Tokenizer golden_tokenizer(const std::string& path) {
  return Tokenizer::load(std::string(POLARIS_GOLDEN_DIR) + "/" + path);
}

/// The file with `model.ignore_merges` (the reference's other column) set to false.
Tokenizer without_ignore_merges(const std::string& path) {
  OrderedJson file = OrderedJson::parse(golden_file(path));
  file["model"]["ignore_merges"] = false;
  return Tokenizer::parse(file.dump(), path);
}

/// What the reference returned for every text, of one golden folder.
class TokenizerGolden : public testing::TestWithParam<std::string> {};

TEST_P(TokenizerGolden, EncodesAsTheReference) {
  const Tokenizer tokenizer = golden_tokenizer(GetParam());
  for (const auto& row : golden_lines(GetParam() + "/encode.jsonl")) {
    const auto text = row["text"].get<std::string>();
    const Ids ids = tokenizer.encode(text);
    EXPECT_EQ(ids, row["ids"].get<Ids>()) << text;
    EXPECT_EQ(tokenizer.decode(ids), row.value("decoded", text));
    if (row.contains("ids_add_special")) {
      EXPECT_EQ(tokenizer.encode_with_special(text), row["ids_add_special"].get<Ids>()) << text;
    }
  }
}

TEST_P(TokenizerGolden, EncodesRenderedChatsAsTheReference) {
  const Tokenizer tokenizer = golden_tokenizer(GetParam());
  std::size_t count = 0;
  for (const auto& row : golden_lines(GetParam() + "/chat.jsonl")) {
    if (!row.contains("rendered")) continue;  // a conversation that must be refused
    const auto& ids = row[row.contains("ids") ? "ids" : "ids_tiny2048"];
    EXPECT_EQ(tokenizer.encode(row["rendered"].get<std::string>()), ids.get<Ids>());
    ++count;
  }
  EXPECT_GE(count, 50U);
}

TEST_P(TokenizerGolden, DecodesAsTheReference) {
  const Tokenizer tokenizer = golden_tokenizer(GetParam());
  for (const auto& row : golden_lines(GetParam() + "/decode.jsonl")) {
    const auto ids = row["ids"].get<Ids>();
    EXPECT_EQ(tokenizer.decode(ids), row["text"].get<std::string>()) << row["ids"];
    EXPECT_EQ(tokenizer.decode(ids, /*skip_special=*/true),
              row["text_skip_special"].get<std::string>())
        << row["ids"];
  }
}

INSTANTIATE_TEST_SUITE_P(Families, TokenizerGolden,
                         testing::Values("tokenizer", "tokenizer_llama3", "tokenizer_mistral",
                                         "tokenizer_tekken"),
                         [](const auto& info) { return info.param; });

TEST(TokenizerGolden, EncodesPlainTextAsTheReference) {
  for (const std::string folder : {"tokenizer_llama3", "tokenizer_mistral", "tokenizer_tekken"}) {
    const Tokenizer tokenizer = golden_tokenizer(folder);
    for (const auto& row : golden_lines(folder + "/encode.jsonl")) {
      const auto text = row["text"].get<std::string>();
      const auto& expected = row[row.contains("ids_plain") ? "ids_plain" : "ids"];
      EXPECT_EQ(tokenizer.encode_plain(text), expected.get<Ids>()) << text;
    }
  }
}

// golden/tokenizer has no column of plain ids: what must hold is that no added token comes out.
TEST(TokenizerGoldenQwen, PlainTextNeverYieldsAnAddedToken) {
  const Tokenizer tokenizer = golden_tokenizer("tokenizer");
  for (const auto& row : golden_lines("tokenizer/encode.jsonl")) {
    const auto text = row["text"].get<std::string>();
    const Ids plain = tokenizer.encode_plain(text);
    EXPECT_TRUE(std::all_of(plain.begin(), plain.end(), [](TokenId id) { return id < 2015; }));
    EXPECT_EQ(tokenizer.decode(plain), row.value("decoded", text));
    const Ids ids = row["ids"].get<Ids>();
    const bool recognised =
        std::any_of(ids.begin(), ids.end(), [](TokenId id) { return id >= 2015; });
    if (!recognised) {
      EXPECT_EQ(plain, ids) << text;
    }
  }
}

TEST(TokenizerGoldenMistral, EncodesAsTheReferenceFromTheOlderFileLayout) {
  const Tokenizer tokenizer = golden_tokenizer("tokenizer_mistral/tokenizer.legacy.json");
  for (const auto& row : golden_lines("tokenizer_mistral/encode.jsonl")) {
    const auto text = row["text"].get<std::string>();
    EXPECT_EQ(tokenizer.encode(text), row.value("ids_legacy", row["ids"]).get<Ids>()) << text;
  }
  for (const auto& row : golden_lines("tokenizer_mistral/chat.jsonl")) {
    if (!row.contains("rendered")) continue;
    EXPECT_EQ(tokenizer.encode(row["rendered"].get<std::string>()),
              row.value("ids_legacy", row["ids"]).get<Ids>());
  }
}

TEST(TokenizerGolden, EncodesByMergesAloneWhenTheFileSaysSo) {
  for (const std::string folder : {"tokenizer_llama3", "tokenizer_tekken"}) {
    const Tokenizer tokenizer = without_ignore_merges(folder + "/tokenizer.json");
    for (const auto& row : golden_lines(folder + "/encode.jsonl")) {
      const auto text = row["text"].get<std::string>();
      EXPECT_EQ(tokenizer.encode(text), row.value("ids_merges_only", row["ids"]).get<Ids>())
          << text;
    }
  }
}

TEST(TokenizerGolden, TakesTheSplitPatternFromTheFileNotFromTheFamily) {
  OrderedJson file = OrderedJson::parse(golden_file("tokenizer_tekken/tokenizer.json"));
  const auto llama = OrderedJson::parse(golden_file("tokenizer_llama3/tokenizer.json"));
  file["pre_tokenizer"] = llama["pre_tokenizer"];
  const Tokenizer tokenizer = Tokenizer::parse(file.dump(), "tekken with the Llama-3 regex");
  EXPECT_EQ(tokenizer.pattern_name(), "llama-3");
  for (const auto& row : golden_lines("tokenizer_tekken/encode.jsonl")) {
    const auto text = row["text"].get<std::string>();
    EXPECT_EQ(tokenizer.encode(text), row.value("ids_llama3_regex", row["ids"]).get<Ids>()) << text;
  }
}

/// Pushes all ids; what came out after each, and by flush().
std::vector<std::string> stream(const Tokenizer& tokenizer, const Ids& ids, bool skip_special) {
  StreamDecoder decoder(tokenizer, skip_special);
  std::vector<std::string> texts;
  for (const TokenId id : ids) texts.push_back(decoder.push(id));
  texts.push_back(decoder.flush());
  return texts;
}

std::string joined(const std::vector<std::string>& texts, std::size_t count) {
  std::string all;
  for (std::size_t i = 0; i < count; ++i) all += texts[i];
  return all;
}

// The incremental decoder of the golden file (Python's) waits for a third byte behind the first two
// of a surrogate, which nothing can make valid. We do not wait: there ours may be ahead.
TEST(StreamDecoderGolden, ReleasesWhatAnIncrementalUtf8DecoderReleases) {
  std::size_t equal = 0;
  std::size_t ahead = 0;
  for (const std::string folder : {"tokenizer_llama3", "tokenizer_tekken"}) {
    const Tokenizer tokenizer = golden_tokenizer(folder);
    for (const auto& row : golden_lines(folder + "/decode.jsonl")) {
      const auto expected = row["stream_utf8"].get<std::vector<std::string>>();
      const auto ours = stream(tokenizer, row["ids"].get<Ids>(), /*skip_special=*/false);
      ASSERT_EQ(ours.size(), expected.size());
      ours == expected ? ++equal : ++ahead;
      for (std::size_t i = 0; i < ours.size(); ++i)
        EXPECT_TRUE(joined(ours, i + 1).starts_with(joined(expected, i + 1))) << row["ids"];
      EXPECT_EQ(joined(ours, ours.size()), row["text"].get<std::string>());
    }
  }
  EXPECT_EQ(equal, 268U);
  EXPECT_EQ(ahead, 4U);
}

/// Up to here the ids stand for whole characters: nothing of the text so far can change.
bool is_certain(const std::string& text) { return text.find("\uFFFD") == std::string::npos; }

// The reference's stream holds back every tail that ends in U+FFFD. Whenever it does release, all
// that came so far is certain, so ours must have released the same. With byte fallback that holds
// until the first invalid byte: from there on the reference also replaces valid characters.
TEST(StreamDecoderGolden, AgreesWithTheStreamOfTheReferenceWheneverThatReleases) {
  std::size_t compared = 0;
  for (const std::string folder : {"tokenizer_llama3", "tokenizer_tekken", "tokenizer_mistral"}) {
    const Tokenizer tokenizer = golden_tokenizer(folder);
    for (const auto& row : golden_lines(folder + "/decode.jsonl")) {
      for (const bool skip_special : {false, true}) {
        const auto& expected = row[skip_special ? "stream_skip_special" : "stream"];
        const auto ours = stream(tokenizer, row["ids"].get<Ids>(), skip_special);
        std::string theirs;
        for (std::size_t i = 0; i < expected.size() && expected[i] != "ERROR"; ++i) {
          if (expected[i].is_null()) continue;
          theirs += expected[i].get<std::string>();
          if (folder == "tokenizer_mistral" && !is_certain(theirs)) break;
          EXPECT_EQ(joined(ours, i + 1), theirs) << row["ids"] << " up to " << i;
          ++compared;
        }
      }
    }
  }
  EXPECT_GT(compared, 1000U);
}

TEST(StreamDecoderGolden, TheConcatenationIsTheDecodedText) {
  for (const std::string folder : {"tokenizer", "tokenizer_llama3", "tokenizer_tekken"}) {
    const Tokenizer tokenizer = golden_tokenizer(folder);
    for (const auto& row : golden_lines(folder + "/decode.jsonl")) {
      const auto ids = row["ids"].get<Ids>();
      EXPECT_EQ(joined(stream(tokenizer, ids, false), ids.size() + 1), row["text"]);
      EXPECT_EQ(joined(stream(tokenizer, ids, true), ids.size() + 1), row["text_skip_special"]);
    }
  }
  const Tokenizer mistral = golden_tokenizer("tokenizer_mistral");
  for (const auto& row : golden_lines("tokenizer_mistral/encode.jsonl")) {
    const auto ids = row["ids"].get<Ids>();
    EXPECT_EQ(joined(stream(mistral, ids, false), ids.size() + 1),
              row.value("decoded", row["text"].get<std::string>()));
  }
}

}  // namespace
}  // namespace polaris
