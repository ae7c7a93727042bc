#include "text/words.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "text/golden_text_test.h"

namespace polaris {
namespace {

TEST(CountText, AsIsGivesWhatTheReferenceCounts) {
  const auto cases = golden_reward_cases("text_counters");
  EXPECT_EQ(cases.size(), 30U);
  for (const OrderedJson& c : cases) {
    SCOPED_TRACE(c["name"].get<std::string>());
    const bool from_file = c["input"].contains("text_file");
    const std::string text = golden_reward_text(from_file ? c["input"] : c["input"]["text"]);
    const TextCounts counts = count_text(text, WordForm::kAsIs);
    EXPECT_EQ(counts.words, c["expected"]["word_count"]);
    EXPECT_NEAR(counts.visible_ratio(), c["expected"]["visible_char_ratio"].get<double>(), 1e-12);
    EXPECT_EQ(count_pieces(text), c["expected"]["whitespace_split_count"]);
  }
}

TEST(CountText, NfcCountsAWordOnceHoweverItsAccentsAreTyped) {
  const std::string precomposed = "r\xC3\xA9sum\xC3\xA9";
  const std::string separate = "re\xCC\x81sume\xCC\x81";
  EXPECT_EQ(count_text(precomposed, WordForm::kAsIs).words, 1);
  EXPECT_EQ(count_text(separate, WordForm::kAsIs).words, 2);
  EXPECT_EQ(count_text(separate, WordForm::kNfc).words, 1);
  EXPECT_EQ(count_text("e&#x301;t&eacute;", WordForm::kNfc).words, 1);  // after decoding
}

TEST(CountText, FollowsTheRecipesExamples) {
  EXPECT_EQ(count_text("don't", WordForm::kNfc).words, 2);
  EXPECT_EQ(count_text("3.14", WordForm::kNfc).words, 2);
  EXPECT_EQ(count_text("", WordForm::kNfc).visible_ratio(), 0.0);
}

TEST(CountWords, CountsRunsOfNonSpaceThatHoldALetterOrNumber) {
  EXPECT_EQ(count_words("don't stop — now . . . 3.14 _ * * *"), 4);
  EXPECT_EQ(count_words("“Well,” he said"), 3);
  EXPECT_EQ(count_words(""), 0);
}

std::string random_text(std::mt19937& random) {
  const std::vector<std::string> pieces = {
      "a",    "_",    " ",        "\xC3\xA9",         "e\xCC\x81",
      "\xC2", "\xFF", "\xE2\x80", "\xF0\x9F\x8C\x8A", "\xE3\x80\x80",
      "9",    "\n",   "&amp;",    "\xF0\x9F"};
  std::string text;
  for (auto n = random() % 30; n > 0; --n) text += pieces[random() % pieces.size()];
  return text;
}

TEST(WordCounter, DoesNotDependOnWhereTheTextIsCut) {
  std::mt19937 random(11);
  for (int round = 0; round < 3000; ++round) {
    const std::string text = random_text(random);
    WordCounter whole;
    whole.add(text);
    WordCounter pieces;
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t size = random() % 4;
      pieces.add(text.substr(at, size));
      at += size;
    }
    ASSERT_EQ(pieces.words(), whole.words()) << testing::PrintToString(text);
    ASSERT_EQ(pieces.word_runs(), whole.word_runs()) << testing::PrintToString(text);
    if (text.find('&') == std::string::npos) {
      ASSERT_EQ(whole.word_runs(), count_text(text, WordForm::kAsIs).words);
    }
  }
}

TEST(CountText, CountsOfAnyBytesAreConsistent) {
  std::mt19937 random(12);
  for (int round = 0; round < 3000; ++round) {
    const std::string text = random_text(random);
    for (const WordForm form : {WordForm::kAsIs, WordForm::kNfc}) {
      const TextCounts counts = count_text(text, form);
      EXPECT_LE(counts.words, counts.visible);
      EXPECT_LE(counts.visible, counts.characters);
      EXPECT_LE(counts.characters, static_cast<std::int64_t>(text.size()));
    }
    EXPECT_LE(count_words(text), count_pieces(text));
  }
}

}  // namespace
}  // namespace polaris
