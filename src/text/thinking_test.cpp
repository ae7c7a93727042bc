#include "text/thinking.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "text/golden_text_test.h"
#include "text/strip.h"

namespace polaris {
namespace {

constexpr auto kEmptyStory = UnclosedThinking::kEmptyStory;
constexpr auto kAsStory = UnclosedThinking::kAsStory;

TEST(SplitResponse, PublishedRuleGivesWhatTheReferenceGives) {
  const auto cases = golden_reward_cases("parse_think_and_prediction");
  EXPECT_EQ(cases.size(), 47U);
  for (const OrderedJson& c : cases) {
    SCOPED_TRACE(c["name"].get<std::string>());
    const std::string text = golden_reward_text(c["input"]["text"]);
    const SplitResponse split = split_response(text, /*prompt_opened=*/false, kAsStory);
    const OrderedJson& thoughts = c["expected"]["thoughts"];
    EXPECT_EQ(split.thinking.has_value(), !thoughts.is_null());
    if (split.thinking) {
      EXPECT_EQ(*split.thinking, thoughts.get<std::string>());
    }
    EXPECT_EQ(split.story, c["expected"]["prediction"].get<std::string>());
  }
}

TEST(SplitResponse, RulesAgreeWhereThinkingIsClosed) {
  for (const char* text : {"plan\n</think>\n\nStory here", "<think>\nplan\n</think>\nStory",
                           "a</think>b</think>c", "</think>"}) {
    for (const bool opened : {false, true}) {
      const auto published = split_response(text, opened, kAsStory);
      const auto corrected = split_response(text, opened, kEmptyStory);
      EXPECT_EQ(published.thinking, corrected.thinking);
      EXPECT_EQ(published.story, corrected.story);
      EXPECT_FALSE(corrected.unclosed);
    }
  }
}

TEST(SplitResponse, FollowsTheRecipesTable) {
  const auto split = split_response("plan\n</think>\n\nStory here", true, kEmptyStory);
  EXPECT_EQ(split.thinking, "plan");
  EXPECT_EQ(split.story, "Story here");
  EXPECT_EQ(split_response("a</think>b</think>c", true, kEmptyStory).story, "b</think>c");
  EXPECT_EQ(split_response("Only story no close", false, kEmptyStory).story, "Only story no close");
  EXPECT_EQ(split_response("<think>unclosed plan", false, kAsStory).story, "<think>unclosed plan");
}

TEST(SplitResponse, ThinkingThatNeverEndsIsNoStoryUnderTheCorrectedRule) {
  const auto prompted = split_response(" a plan, still", true, kEmptyStory);
  EXPECT_EQ(prompted.thinking, "a plan, still");
  EXPECT_EQ(prompted.story, "");
  EXPECT_TRUE(prompted.unclosed);

  const auto own_tag = split_response("<think>unclosed plan", false, kEmptyStory);
  EXPECT_EQ(own_tag.thinking, "unclosed plan");
  EXPECT_EQ(own_tag.story, "");
  EXPECT_TRUE(own_tag.unclosed);

  EXPECT_TRUE(split_response("<think>unclosed plan", false, kAsStory).unclosed);
  EXPECT_FALSE(split_response("A story.", false, kEmptyStory).unclosed);
}

TEST(SplitResponse, TakesAnyBytes) {
  std::mt19937 random(3);
  const std::vector<std::string> pieces = {"<think>", "</think>", " ",  "\xC2\xA0",
                                           "\xC2",    "\xFF",     "\n", "word"};
  for (int round = 0; round < 5000; ++round) {
    std::string text;
    for (auto n = random() % 9; n > 0; --n) text += pieces[random() % pieces.size()];
    const bool opened = random() % 2 == 0;
    const auto split = split_response(text, opened, random() % 2 == 0 ? kEmptyStory : kAsStory);
    EXPECT_TRUE(text.ends_with(split.story));
    EXPECT_EQ(split.story, left_strip(split.story));
    if (split.thinking) {
      EXPECT_NE(text.find(*split.thinking), std::string::npos);
    }
  }
}

TEST(ThinkingTokens, CountsUpToTheFirstClosingTag) {
  const std::vector<TokenId> response = {5, 6, 99, 7, 99, 8};
  EXPECT_EQ(thinking_tokens(response, 99), 3U);
  EXPECT_EQ(thinking_tokens(response, 98), 0U);
}

TEST(ThinkingTokens, WithoutSuchATokenTheTokenThatCompletesTheTagIsTheLast) {
  // "a" "b<" "/think" ">c" "d"
  const std::vector<std::size_t> ends = {1, 3, 9, 11, 12};
  EXPECT_EQ(thinking_tokens("ab</think>cd", ends), 4U);
  EXPECT_EQ(thinking_tokens("abcdefghijkl", ends), 0U);
}

TEST(PublishedThinkingTokens, CountsTokensWhoseMiddleLiesBeforeTheEndOfTheTag) {
  // "plan" "</THINK>" "Story": the tag is found in any case.
  const std::vector<ByteRange> spans = {{0, 4}, {4, 12}, {12, 17}};
  EXPECT_EQ(published_thinking_tokens("plan</THINK>Story", spans, 9), 2U);
  EXPECT_EQ(published_thinking_tokens("plan</THINK>Story", spans, 1), 1U);
  EXPECT_EQ(published_thinking_tokens("plan, then Story", spans, 9), 0U);
  // A token across the end of the tag belongs to the side where its middle is.
  const std::vector<ByteRange> across = {{0, 4}, {4, 13}, {13, 17}};
  EXPECT_EQ(published_thinking_tokens("plan</think>Story", across, 9), 2U);
  // Middle exactly at the end: not before it.
  const std::vector<ByteRange> even = {{0, 8}, {8, 16}};
  EXPECT_EQ(published_thinking_tokens("plan</think>Story", even, 9), 1U);
}

// quirk of golden/reward composite/unicode_lower_shift: every U+0130 becomes two code points.
TEST(PublishedThinkingTokens, MeasuresTheEndInTheLowerCasedText) {
  const std::string text = "\xC4\xB0\xC4\xB0</think>abcd";
  std::vector<ByteRange> spans;
  for (std::size_t i = 0; i < 14; ++i) spans.push_back({i, i + 1});
  EXPECT_EQ(published_thinking_tokens(text, spans, 99), 12U);
}

}  // namespace
}  // namespace polaris
