#include "eval/evaluation.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/json.h"
#include "judge/fake_judge.h"
#include "nn/toy_policy.h"
#include "rollout/fake_engine.h"

namespace polaris {
namespace {

EvaluatedStory story(const std::string& id, std::optional<double> reward,
                     std::int64_t target = 1000, std::int64_t words = 900) {
  return {.prompt_id = id,
          .target_words = target,
          .words = words,
          .score = {.reward = reward, .failure = reward ? "" : "timeout"}};
}

const Comparison& of(const std::vector<Comparison>& comparisons, std::string_view name) {
  for (const Comparison& comparison : comparisons) {
    if (comparison.name == name) return comparison;
  }
  throw Error(ErrorCode::kInternal, "no such measure");
}

TEST(EvaluatedStory, IsReadAsItsRewardReadsIt) {
  const Prompt prompt{.id = "p", .text = "Write of fog in 1,500 words.", .tokens = {1}};
  const Rollout rollout{.tokens = {1, 2, 3},
                        .text = "A plan.\n</think>\n\nThe fog came.",
                        .stop = StopReason::kMaxTokens};
  const auto s =
      evaluated_story(prompt, 2, rollout, {.reward = 0.5}, {.prompts_open_thinking = true});
  EXPECT_EQ(s.thinking, "A plan.");
  EXPECT_EQ(s.story, "The fog came.");
  EXPECT_EQ(s.words, 3);
  EXPECT_EQ(s.tokens, 3);
  EXPECT_EQ(s.sample, 2);
  EXPECT_EQ(s.target_words, 1500);
  EXPECT_TRUE(s.thinking_closed);
  EXPECT_TRUE(s.truncated);
}

TEST(EvaluatedStory, ThinkingThatNeverClosesLeavesNoStoryAndCounts) {
  const Rollout rollout{.tokens = {1}, .text = "A plan, and another plan"};
  const auto s = evaluated_story({.id = "p", .target_words = 100}, 0, rollout, {},
                                 {.prompts_open_thinking = true});
  EXPECT_FALSE(s.thinking_closed);
  EXPECT_EQ(s.words, 0);
  const auto summary = summarise(std::vector{s}, {});
  EXPECT_EQ(summary.of("closed_thinking").all.mean, 0.0);
  EXPECT_EQ(summary.of("length_ratio").all.mean, 0.0);
}

TEST(EvaluatedStory, ComesBackFromItsFile) {
  EvaluatedStory s = story("p", 0.25);
  s.prompt = "Write.";
  s.thinking = "A plan.";
  s.story = "Caf\xC3\xA9 </script>";
  s.truncated = true;
  s.score.parts = {.story_quality = 0.5, .length = 0.25, .overlong = -0.1};
  const Json json = Json::parse(dump_json(to_json(s)));
  EXPECT_EQ(to_json(evaluated_story_from_json(json, "here")), json);
  EXPECT_EQ(json["parts"]["self_rep"], nullptr);

  for (const char* key : {"id", "parts", "reward", "words_re"}) {
    Json broken = json;
    broken.erase(key);
    EXPECT_THROW(evaluated_story_from_json(broken, "stories.jsonl:1"), Error) << key;
  }
  EXPECT_THROW(evaluated_story_from_json(Json::array(), "stories.jsonl:1"), Error);
}

TEST(Summary, AMissingScoreIsCountedAndInNoMean) {
  const std::vector stories = {story("a", 1.0), story("a", std::nullopt), story("b", 0.0),
                               story("c", std::nullopt)};
  const auto summary = summarise(stories, {});
  EXPECT_EQ(summary.prompts, 3);
  EXPECT_EQ(summary.stories, 4);
  const Estimate& reward = summary.of("reward").all;
  EXPECT_EQ(reward.mean, 0.5);
  EXPECT_EQ(reward.stories, 2);
  EXPECT_EQ(reward.missing, 2);
  ASSERT_TRUE(reward.interval);
  EXPECT_EQ(reward.interval->low, 0.0);
  EXPECT_EQ(reward.interval->high, 1.0);
  EXPECT_EQ(summary.of("failed").all.mean, 0.5);
  EXPECT_EQ(summary.failures, (std::map<std::string, std::int64_t>{{"timeout", 2}}));
  EXPECT_THROW(summary.of("beauty"), Error);
}

TEST(Summary, ByLengthLeavesOutWhatHasNoLength) {
  EvaluatedStory no_target = story("d", 9.0);
  no_target.target_words = std::nullopt;
  const std::vector stories = {story("a", 1.0, 1500, 1500), story("b", 3.0, 2500, 5000),
                               story("c", 7.0, 20000), no_target};
  const auto summary = summarise(stories, {});
  const MeasureSummary& reward = summary.of("reward");
  EXPECT_EQ(reward.all.mean, 5.0);
  EXPECT_EQ(reward.buckets[0].mean, 1.0);
  EXPECT_EQ(reward.buckets[1].mean, 3.0);
  EXPECT_EQ(reward.buckets[2].mean, std::nullopt);
  EXPECT_EQ(reward.bucket_mean, 2.0);
  EXPECT_EQ(reward.slope, 2.0);
  EXPECT_EQ(reward.bands.trained, 2.0);
  EXPECT_EQ(summary.of("length_ratio").all.missing, 1);
  EXPECT_DOUBLE_EQ(summary.length.value().over_twice, 0.0);
}

TEST(Summary, OfNothingIsEmpty) {
  const auto summary = summarise({}, {});
  EXPECT_EQ(summary.stories, 0);
  EXPECT_EQ(summary.of("reward").all.mean, std::nullopt);
  EXPECT_FALSE(summary.length);
}

TEST(Compare, PairsByPromptAndSaysWhatHadNoPartner) {
  const std::vector before = {story("a", 0.0), story("a", 1.0), story("b", 0.5), story("c", 5.0),
                              story("d", std::nullopt)};
  const std::vector after = {story("b", 1.5), story("a", 2.5), story("d", 9.0)};
  const auto comparisons = compare(before, after, {});
  const Comparison& reward = of(comparisons, "reward");
  EXPECT_EQ(reward.prompts, 2);
  EXPECT_EQ(reward.unpaired, 2);
  EXPECT_EQ(reward.before, 0.5);
  EXPECT_EQ(reward.after, 2.0);
  EXPECT_EQ(reward.difference, 1.5);
  ASSERT_TRUE(reward.difference_interval);
  EXPECT_EQ(reward.difference_interval->low, 1.0);
  EXPECT_EQ(reward.difference_interval->high, 2.0);
  EXPECT_TRUE(reward.is_clear());
  EXPECT_FALSE(of(comparisons, "length_ratio").is_clear());  // the interval is [0, 0]
  EXPECT_EQ(of(comparisons, "story_quality").difference, std::nullopt);
}

/// Prompts differ far more than two writers do: only the pairs show the difference.
TEST(Compare, SeesADifferenceThatTheMeansAloneWouldHide) {
  std::vector<EvaluatedStory> before, after;
  for (int i = 0; i < 20; ++i) {
    before.push_back(story(fmt::format("p{}", i), i));
    after.push_back(story(fmt::format("p{}", i), i + 0.1 + 0.01 * (i % 3)));
  }
  const Comparison reward = of(compare(before, after, {}), "reward");
  EXPECT_TRUE(reward.is_clear());
  EXPECT_LT(reward.p.value(), 0.01);
  const auto summary = summarise(before, {});
  EXPECT_TRUE(summary.of("reward").all.interval->contains(*reward.after));
}

TEST(Evaluate, WritesScoresAndReadsEveryPrompt) {
  const ToyPolicy policy;
  FakeEngine engine(policy, 1);
  FakeJudge judge;
  Scorer scorer(
      judge, {}, [](const Rollout& rollout) { return rollout.text; },
      [](const Prompt&, const Rollout&, const std::string&) {
        return RewardParts{.self_repetition = 0.0, .length = 0.0, .blank = 0.0};
      });
  const std::vector<Prompt> prompts = {{.id = "a", .text = "Write.", .tokens = {0}},
                                       {.id = "b", .text = "Write.", .tokens = {0}}};
  const EvaluationRequest request{.prompts = prompts, .samples = 3, .policy_version = 4};
  const auto stories = evaluate(request, engine, scorer);
  ASSERT_EQ(stories.size(), 6U);
  EXPECT_EQ(judge.calls(), 6);
  EXPECT_EQ(stories[4].prompt_id, "b");
  EXPECT_EQ(stories[4].sample, 1);
  EXPECT_GE(stories[4].words, 10);
  EXPECT_TRUE(stories[4].score.reward);

  const auto again = evaluate(request, engine, scorer);
  for (std::size_t i = 0; i < stories.size(); ++i) EXPECT_EQ(stories[i].story, again[i].story);
}

}  // namespace
}  // namespace polaris
