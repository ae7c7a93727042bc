#include "reward/rules.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>

#include "judge/fake_judge.h"
#include "reward/composite.h"

namespace polaris {
namespace {

const RewardConfig kCorrected;
const RewardConfig kFaithful{.unclosed_thinking = UnclosedThinking::kAsStory,
                             .target_words = TargetWords::kPromptOnly,
                             .nfc = false,
                             .overlong = {.mode = OverlongMode::kPerToken}};

/// No gram of it comes twice.
std::string story_of(int words) {
  std::string story;
  for (int i = 0; i < words; ++i) story += fmt::format("w{} ", i);
  return story;
}

RewardParts parts_of(std::string_view story, std::string_view prompt,
                     const RewardConfig& config = kCorrected) {
  return rule_parts({.request = {.prompt = prompt}, .story = story}, config);
}

TEST(RuleParts, GoodStoryOfTheRequestedLengthCostsNothing) {
  const RewardParts parts = parts_of(story_of(1000), "It should be 1000 words long.");
  EXPECT_EQ(parts.self_repetition, 0.0);
  EXPECT_EQ(parts.length, 0.0);
  EXPECT_EQ(parts.blank, 0.0);
  EXPECT_FALSE(parts.story_quality) << "the rules never say how good a story is";
}

TEST(RuleParts, EmptyStoryIsBlankAndTooShort) {
  for (const RewardConfig& config : {kCorrected, kFaithful}) {
    const RewardParts parts = parts_of("", "It should be 1000 words long.", config);
    EXPECT_EQ(parts.self_repetition, 0.0);
    EXPECT_EQ(parts.length, 1.0);
    EXPECT_EQ(parts.blank, 1.0);
  }
}

TEST(RuleParts, PromptWithoutALengthCannotBeMissed) {
  EXPECT_EQ(parts_of(story_of(9000), "Write about fog.").length, 0.0);
  EXPECT_EQ(parts_of(story_of(9000), "Write about fog.", kFaithful).length, 1.0);
}

TEST(RuleParts, AccentsTypedApartCountAsPublishedOnlyUnderThePublishedKeys) {
  std::string story;
  for (int i = 0; i < 100; ++i) story += "e\xCC\x81te\xCC\x81 ";
  EXPECT_EQ(parts_of(story, "").blank, 1.0);             // 100 words
  EXPECT_EQ(parts_of(story, "", kFaithful).blank, 0.0);  // 200
}

TEST(RuleParts, CrlfChangesNothing) {
  std::string crlf;
  std::string lf;
  for (int i = 0; i < 400; ++i) {
    const std::string line = fmt::format("Line {} of the log.", i % 90);
    crlf += line + "\r\n";
    lf += line + "\n";
  }
  const RewardParts a = parts_of(crlf, "It should be 4000 words long.");
  const RewardParts b = parts_of(lf, "It should be 4000 words long.");
  EXPECT_EQ(a.self_repetition, b.self_repetition);
  EXPECT_EQ(a.length, b.length);
  EXPECT_EQ(a.blank, b.blank);
}

TEST(RuleParts, WithoutTokensTheRulesThatCountThemAreAbsent) {
  RewardConfig config;
  config.thinking_cap.enabled = true;
  RuleInput input{.request = {}, .story = "A story."};
  EXPECT_FALSE(rule_parts(input, config).overlong);
  EXPECT_FALSE(rule_parts(input, config).thinking);
  input.tokens = ResponseTokens{.count = 8192, .thinking = 6144, .limit = 8192, .is_cut = true};
  EXPECT_EQ(rule_parts(input, config).overlong, -1.0);
  EXPECT_EQ(rule_parts(input, config).thinking, -0.05);
  EXPECT_FALSE(rule_parts(input, kCorrected).thinking);
}

TEST(RuleParts, TakeAnyBytes) {
  const std::string bytes = "\xFF\xC3 &#x110000; &#0; \xED\xA0\x80 a\xCC\x81 \xE2\x80\xA8";
  std::string story;
  for (int i = 0; i < 300; ++i) story += bytes;
  for (const RewardConfig& config : {kCorrected, kFaithful}) {
    const RewardParts parts = parts_of(story, bytes, config);
    EXPECT_GT(parts.self_repetition.value(), 0.0);
    EXPECT_LE(parts.self_repetition.value(), 1.5);
  }
}

Rollout rollout_of(const std::string& text, std::size_t tokens, StopReason stop) {
  return {.tokens = std::vector<TokenId>(tokens, 1), .text = text, .stop = stop};
}

ResponseForm form_with(std::size_t thinking) {
  return {.max_tokens = 8192, .thinking_tokens = [thinking](const Rollout&) { return thinking; }};
}

TEST(RulesForScorer, CountTheTokensOfTheRollout) {
  const RuleParts rules = rules_for_scorer(kFaithful, form_with(2192));
  const Rollout cut = rollout_of("plan</think>story", 8192, StopReason::kMaxTokens);
  EXPECT_NEAR(rules({}, cut, "story").overlong.value(), -1.0 / 6000, 1e-12);
  const Rollout ended = rollout_of("plan</think>story", 8192, StopReason::kEndOfText);
  EXPECT_EQ(rules({}, ended, "story").overlong, 0.0);
}

TEST(RulesForScorer, ReadTheTargetOfThePrompt) {
  const RuleParts rules = rules_for_scorer(kCorrected, form_with(0));
  const Rollout rollout = rollout_of("", 1, StopReason::kEndOfText);
  const Prompt prompt{.text = "It should be 400 words long.", .target_words = 1000};
  EXPECT_DOUBLE_EQ(rules(prompt, rollout, story_of(325)).length.value(), 0.5);
}

TEST(RulesForScorer, ThinkingThatNeverClosesIsThinkingToItsEnd) {
  RewardConfig config;
  config.thinking_cap.enabled = true;
  const Rollout unclosed = rollout_of("a plan without an end", 6144, StopReason::kMaxTokens);
  EXPECT_EQ(rules_for_scorer(config, form_with(0))({}, unclosed, "").thinking, -0.05);
  config.unclosed_thinking = UnclosedThinking::kAsStory;
  EXPECT_EQ(rules_for_scorer(config, form_with(0))({}, unclosed, unclosed.text).thinking, 0.0);
}

TEST(RulesForScorer, GiveEveryRolloutItsRewardUnderEitherPreset) {
  const std::string prompt = "It should be 1000 words long.";
  std::string story;  // numbers of two words, about 50 each
  for (int i = 0; i < 500; ++i) story += fmt::format("50.{} ", i);
  RolloutGroup group{.prompt = {.id = "p", .text = prompt}};
  const std::vector<std::string> texts = {"plan</think>\n\n" + story, "plan</think>",
                                          "a plan that never ends", ""};
  for (const std::string& text : texts)
    group.rollouts.push_back(rollout_of(text, 900, StopReason::kEndOfText));

  struct Expected {
    RewardConfig config;
    bool unclosed_is_judged;
  };
  for (const auto& [config, unclosed_is_judged] :
       {Expected{kCorrected, false}, Expected{kFaithful, true}}) {
    FakeJudge judge;
    Scorer scorer(judge, config, stories_for_scorer(config, /*prompt_opens_thinking=*/true),
                  rules_for_scorer(config, form_with(2)));
    const auto scored = scorer.score({group}).at(0).scores;
    EXPECT_EQ(judge.calls(), unclosed_is_judged ? 2 : 1);
    EXPECT_GT(scored[0].reward.value(), 0.0);
    EXPECT_EQ(scored[0].parts.length, 0.0);
    EXPECT_DOUBLE_EQ(scored[1].reward.value(), -1.8);  // blank and nothing of 1000 words
    EXPECT_EQ(scored[2].parts.blank, 1.0);
    EXPECT_EQ(scored[2].parts.length == 1.0, !unclosed_is_judged);  // 5 words of a plan
    EXPECT_DOUBLE_EQ(scored[3].reward.value(), -1.8);
  }
}

TEST(ThinkingTokensOf, CountsInTheDecodedText) {
  const auto tokenizer = Tokenizer::load(std::string(POLARIS_GOLDEN_DIR) + "/tokenizer");
  const ThinkingTokensOf count = thinking_tokens_of(tokenizer);
  const auto plan = tokenizer.encode("a plan\n</think>");
  const auto whole = tokenizer.encode("a plan\n</think>\n\nThe sea.</think>");
  EXPECT_EQ(count({.tokens = whole}), plan.size());
  EXPECT_EQ(count({.tokens = tokenizer.encode("The sea.")}), 0U);
  EXPECT_EQ(count({}), 0U);
}

}  // namespace
}  // namespace polaris
