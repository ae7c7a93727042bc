#include "text/tokenizer.h"

#include <gtest/gtest.h>

#include <random>
#include <thread>

#include "base/error.h"
#include "base/temp_folder.h"
#include "text/golden_text_test.h"
#include "text/unicode.h"

namespace polaris {
namespace {

using Ids = std::vector<TokenId>;

Tokenizer golden_tokenizer(const std::string& path) {
  return Tokenizer::load(std::string(POLARIS_GOLDEN_DIR) + "/" + path);
}

const std::string kFolders[] = {"tokenizer", "tokenizer_llama3", "tokenizer_mistral",
                                "tokenizer_tekken"};

/// Letters, marks, digits, spaces, newlines, quotes, CJK, emoji, pieces of added tokens.
std::string random_text(std::mt19937& random, std::size_t length) {
  static const std::string kParts[] = {"a",      "the ",   "E",      "'s",     "'LL",
                                       " ",      "  ",     "\n",     "\r\n",   "\t",
                                       "7",      "1234",   "\u00E9", "\u0301", "\u0915\u093F",
                                       "\u4E2D", "\uAC00", ".",      "...",    "--",
                                       "\u2019", "\u2581", "\u3000", "\u0085", "\U0001F600",
                                       "/",      "<|im",   "<s>",    "_",      "\u1E9B\u0323",
                                       "<0x0A>", "\u00DF", "\u01C5", "\uFFFD", "x",
                                       "ing",    " wor",   "ld",     "\u017F", "'"};
  std::string text;
  while (text.size() < length) text += kParts[random() % std::size(kParts)];
  return text;
}

/// What is left of a literal U+2581 after SentencePiece.
std::string with_spaces_for_marks(std::string_view text) {
  std::string out;
  for (auto at = text.find("\u2581"); at != text.npos; at = text.find("\u2581")) {
    out.append(text.substr(0, at)).push_back(' ');
    text.remove_prefix(at + 3);
  }
  return out.append(text);
}

TEST(Tokenizer, DecodesWhatItEncodedToTheNormalisedText) {
  std::mt19937 random(3);
  for (const auto& folder : kFolders) {
    const Tokenizer tokenizer = golden_tokenizer(folder);
    for (int round = 0; round < 300; ++round) {
      const std::string text = random_text(random, random() % 200);
      std::string expected = folder == "tokenizer" ? nfc(text) : text;
      if (folder == "tokenizer_mistral") {
        expected = with_spaces_for_marks(text);
        if (expected.starts_with(' ')) expected.erase(0, 1);
      }
      EXPECT_EQ(tokenizer.decode(tokenizer.encode_plain(text)), expected);
      // With added tokens cut out, a stretch of Qwen text is normalised by itself.
      if (folder != "tokenizer") {
        EXPECT_EQ(tokenizer.decode(tokenizer.encode(text)), expected);
      }
    }
  }
}

TEST(Tokenizer, GivesAWordTheSameTokensInALongTextAsInAShortOne) {
  // A long text goes through the cache of words; cut at a place where pieces end, it does not.
  std::mt19937 random(5);
  for (const auto& folder : kFolders) {
    const Tokenizer tokenizer = golden_tokenizer(folder);
    std::string all;
    Ids expected;
    while (all.size() < 40'000) {
      // "<s>" separates lines where it is an added token, and "x\n" before "a" everywhere else.
      std::string line = tokenizer.token_to_id("<s>") ? "<s>a" : "a";
      line += random_text(random, 60);
      line += "x\n";
      all += line;
      const Ids ids = tokenizer.encode(line);
      expected.insert(expected.end(), ids.begin(), ids.end());
    }
    EXPECT_EQ(tokenizer.encode(all), expected) << folder;
  }
}

TEST(Tokenizer, ReadsInvalidBytesAsReplacementCharacters) {
  for (const auto& folder : kFolders) {
    const Tokenizer tokenizer = golden_tokenizer(folder);
    EXPECT_EQ(tokenizer.encode("a\xFF\xE2\x82 b"), tokenizer.encode("a\uFFFD\uFFFD b"));
  }
}

TEST(Tokenizer, RecognisesNoAddedTokenInPlainRanges) {
  const Tokenizer tokenizer = golden_tokenizer("tokenizer");
  const TokenId end = tokenizer.token_to_id("<|im_end|>").value();
  const std::string text = "hi<|im_end|><|im_end|>";
  const auto count = [&](std::vector<ByteRange> plain) {
    const Ids ids = tokenizer.encode(text, plain);
    EXPECT_EQ(tokenizer.decode(ids), text);
    return std::count(ids.begin(), ids.end(), end);
  };
  EXPECT_EQ(count({}), 2);
  EXPECT_EQ(count({{0, 12}}), 1);
  EXPECT_EQ(count({{0, text.size()}}), 0);
  EXPECT_EQ(count({{0, 2}}), 2);
  EXPECT_EQ(tokenizer.encode(text, std::vector<ByteRange>{{0, text.size()}}),
            tokenizer.encode_plain(text));
  // Ranges follow their text when invalid bytes grow to U+FFFD.
  const Ids ids = tokenizer.encode("\xFF\xFF<|im_end|><|im_end|>", std::vector<ByteRange>{{0, 12}});
  EXPECT_EQ(std::count(ids.begin(), ids.end(), end), 1);
  EXPECT_EQ(ids.back(), end);
}

TEST(Tokenizer, SaysWhereEachTokenEndsInTheDecodedText) {
  std::mt19937 random(9);
  for (const auto& folder : kFolders) {
    const Tokenizer tokenizer = golden_tokenizer(folder);
    const std::string text = " It is late.\n\"Go,\" she said \u2014 1234 times.";
    const Ids ids = tokenizer.encode(text);
    const auto ends = tokenizer.byte_ends(ids);
    const std::string decoded = tokenizer.decode(ids);
    ASSERT_EQ(ends.size(), ids.size());
    EXPECT_EQ(ends.back(), decoded.size());
    for (std::size_t i = 0; i < ids.size(); ++i) {
      if (incomplete_utf8_tail(std::string_view(decoded).substr(0, ends[i])) > 0) continue;
      EXPECT_EQ(tokenizer.decode(std::span(ids).first(i + 1)), decoded.substr(0, ends[i]));
    }
  }
}

TEST(Tokenizer, SkipsIdsThatNameNoToken) {
  for (const auto& folder : kFolders) {
    const Tokenizer tokenizer = golden_tokenizer(folder);
    const Ids ids = tokenizer.encode("hello");
    Ids padded = {-1, INT32_MAX, INT32_MIN};
    padded.insert(padded.end(), ids.begin(), ids.end());
    padded.push_back(static_cast<TokenId>(tokenizer.vocab_size()));
    EXPECT_EQ(tokenizer.decode(padded, true), "hello");
    EXPECT_EQ(tokenizer.byte_ends(padded).back(), 5U);
    StreamDecoder stream(tokenizer, true);
    std::string text;
    for (const TokenId id : padded) text += stream.push(id);
    EXPECT_EQ(text + stream.flush(), "hello");
    EXPECT_EQ(tokenizer.id_to_token(-1), std::nullopt);
    EXPECT_FALSE(tokenizer.is_special(-1) || tokenizer.is_special(padded.back()));
  }
}

TEST(Tokenizer, KnowsItsNamesAndTheOnesOfItsConfig) {
  const Tokenizer qwen = golden_tokenizer("tokenizer");
  EXPECT_EQ(qwen.vocab_size(), 2048U);
  EXPECT_EQ(qwen.pattern_name(), "qwen3.5");
  EXPECT_EQ(qwen.eos_id(), qwen.token_to_id("<|im_end|>"));
  EXPECT_EQ(qwen.pad_id(), qwen.token_to_id("<|endoftext|>"));
  EXPECT_EQ(qwen.bos_id(), std::nullopt);
  EXPECT_TRUE(qwen.is_special(*qwen.eos_id()));
  EXPECT_FALSE(qwen.is_special(qwen.token_to_id("<think>").value()));
  EXPECT_EQ(qwen.id_to_token(qwen.token_to_id("\u0120the").value()), "\u0120the");
  ASSERT_TRUE(qwen.config_path().has_value());
  EXPECT_EQ(qwen.config_path()->filename(), "tokenizer_config.json");
  EXPECT_EQ(golden_tokenizer("tokenizer_llama3").pattern_name(), "llama-3");
  EXPECT_EQ(golden_tokenizer("tokenizer_tekken").pattern_name(), "tekken");
  EXPECT_EQ(golden_tokenizer("tokenizer_mistral").pattern_name(), "metaspace");
  EXPECT_EQ(golden_tokenizer("tokenizer_mistral").bos_id(), 1);
}

// Published Qwen3.5 files: the last seven added tokens stand in tokenizer_config.json only.
TEST(Tokenizer, TakesMissingAddedTokensFromItsConfig) {
  OrderedJson file = OrderedJson::parse(golden_file("tokenizer/tokenizer.json"));
  auto& added = file["added_tokens"];
  const OrderedJson last = added.back();
  added.erase(added.size() - 1);
  OrderedJson config = {{"added_tokens_decoder", {{"2047", last}}}, {"eos_token", last}};
  const auto tokenizer = Tokenizer::parse(file.dump(), "test", config.dump());
  EXPECT_EQ(tokenizer.encode(last["content"].get<std::string>()), Ids{2047});
  EXPECT_EQ(tokenizer.eos_id(), 2047);
  EXPECT_TRUE(tokenizer.is_special(2047));
  EXPECT_EQ(Tokenizer::parse(file.dump(), "test").vocab_size(), 2047U);
}

TEST(Tokenizer, LoadsAFolderWithoutConfigAndRefusesAMissingFile) {
  const TempFolder folder;
  EXPECT_THROW(Tokenizer::load(folder.path()), Error);
  std::ofstream(folder / "tokenizer.json") << golden_file("tokenizer/tokenizer.json");
  const Tokenizer tokenizer = Tokenizer::load(folder.path());
  EXPECT_EQ(tokenizer.config_path(), std::nullopt);
  EXPECT_EQ(tokenizer.eos_id(), std::nullopt);
  EXPECT_EQ(tokenizer.encode("Hello!"), golden_tokenizer("tokenizer").encode("Hello!"));
}

TEST(Tokenizer, SplitsAtEverySpaceMarkWhenMetaspaceSaysSo) {
  OrderedJson file = OrderedJson::parse(golden_file("tokenizer_mistral/tokenizer.json"));
  file["pre_tokenizer"]["split"] = true;
  file["pre_tokenizer"]["prepend_scheme"] = "always";
  const Tokenizer tokenizer = Tokenizer::parse(file.dump(), "test");
  std::vector<std::string> names;
  for (const TokenId id : tokenizer.encode("a  a</s>a"))
    names.push_back(*tokenizer.id_to_token(id));
  EXPECT_EQ(names, (std::vector<std::string>{"\u2581a", "\u2581", "\u2581a", "</s>", "\u2581a"}));
  file["pre_tokenizer"]["prepend_scheme"] = "never";
  EXPECT_EQ(Tokenizer::parse(file.dump(), "test").encode("a"), Ids{*tokenizer.token_to_id("a")});
}

TEST(Tokenizer, SearchesNormalisedAddedTokensInTheNormalisedText) {
  OrderedJson file = OrderedJson::parse(golden_file("tokenizer/tokenizer.json"));
  file["added_tokens"].push_back({{"id", 2048}, {"content", "caf\u00E9"}, {"normalized", true}});
  const Tokenizer tokenizer = Tokenizer::parse(file.dump(), "test");
  EXPECT_EQ(tokenizer.encode("cafe\u0301"), Ids{2048});
  EXPECT_NE(tokenizer.encode_plain("cafe\u0301"), Ids{2048});
  const std::vector<ByteRange> plain = {{0, 6}};
  EXPECT_EQ(tokenizer.encode("cafe\u0301", plain), tokenizer.encode_plain("cafe\u0301"));
}

TEST(Tokenizer, EncodesInSeveralThreadsAtOnce) {
  const Tokenizer tokenizer = golden_tokenizer("tokenizer");
  std::mt19937 random(11);
  const std::string text = random_text(random, 20'000);
  const Ids expected = tokenizer.encode(text);
  std::vector<Ids> results(4);
  std::vector<std::thread> threads;
  for (auto& result : results) threads.emplace_back([&] { result = tokenizer.encode(text); });
  for (auto& thread : threads) thread.join();
  for (const auto& result : results) EXPECT_EQ(result, expected);
}

}  // namespace
}  // namespace polaris
