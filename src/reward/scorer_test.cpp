#include "reward/scorer.h"

#include <gtest/gtest.h>

#include <thread>

#include "judge/fake_judge.h"

namespace polaris {
namespace {

std::string text_of(const Rollout& rollout) { return rollout.text; }

RewardParts no_penalties(const Prompt&, const Rollout&, const std::string& story) {
  return {.self_repetition = 0.0, .length = 0.0, .blank = story.empty() ? 1.0 : 0.0};
}

RolloutGroup group_of(const std::vector<std::string>& stories) {
  RolloutGroup group{.prompt = {.id = "p"}};
  for (const std::string& story : stories) group.rollouts.push_back({.tokens = {1}, .text = story});
  return group;
}

TEST(Scorer, EveryRolloutGetsItsOwnReward) {
  FakeJudge judge;
  Scorer scorer(judge, {}, text_of, no_penalties);
  const auto scored = scorer.score({group_of({"10 20", "40"}), group_of({"90"})});
  ASSERT_EQ(scored.size(), 2U);
  EXPECT_DOUBLE_EQ(scored[0].scores[0].reward.value(), 0.15);
  EXPECT_DOUBLE_EQ(scored[0].scores[1].reward.value(), 0.40);
  EXPECT_DOUBLE_EQ(scored[1].scores[0].reward.value(), 0.90);
}

TEST(Scorer, TellsOfEveryGroupInOrderWhenItsStoriesHaveTheirScores) {
  FakeJudge judge;
  Scorer scorer(judge, {}, text_of, no_penalties);
  std::vector<std::size_t> told;
  scorer.score({group_of({"10", "20"}), group_of({"90"})},
               [&](const ScoredGroup& group, std::size_t index) {
                 EXPECT_EQ(group.scores.size(), group.group.rollouts.size());
                 EXPECT_TRUE(group.scores[0].reward.has_value());
                 told.push_back(index);
               });
  EXPECT_EQ(told, (std::vector<std::size_t>{0, 1}));
}

TEST(Scorer, AJudgeFailureIsNeverANumber) {
  FakeJudge judge([](const JudgeRequest& request) -> std::optional<JudgeFailure> {
    if (request.story == "40") return JudgeFailure::kTimeout;
    return std::nullopt;
  });
  Scorer scorer(judge, {}, text_of, no_penalties);
  const auto scored = scorer.score({group_of({"10", "40"})});
  EXPECT_TRUE(scored[0].scores[0].reward);
  EXPECT_FALSE(scored[0].scores[1].reward);
  EXPECT_FALSE(scored[0].scores[1].parts.story_quality);
  EXPECT_EQ(scored[0].scores[1].failure, "timeout");
  const JudgeStats stats = scorer.take_stats();
  EXPECT_EQ(stats.calls, 2);
  EXPECT_EQ(stats.failed, 1);
  EXPECT_EQ(scorer.take_stats().calls, 0);
}

TEST(Scorer, WhatWasStartedIsNotAskedAgain) {
  FakeJudge judge;
  Scorer scorer(judge, {}, text_of, no_penalties);
  const RolloutGroup group = group_of({"10", "40", "70"});
  scorer.start(group.prompt, 0, 1, group.rollouts[1]);
  EXPECT_EQ(judge.calls(), 1);
  scorer.score({group});
  EXPECT_EQ(judge.calls(), 3);
}

TEST(Scorer, EqualStoriesOfOneGroupAreTwoQuestions) {
  FakeJudge judge;
  Scorer scorer(judge, {}, text_of, no_penalties);
  scorer.score({group_of({"10", "10"})});
  EXPECT_EQ(judge.calls(), 2);
}

TEST(Scorer, WaitsForAnswersFromAnotherThreadInAnyOrder) {
  FakeJudge judge;
  judge.hold();
  Scorer scorer(judge, {}, text_of, no_penalties);
  const RolloutGroup group = group_of({"10", "40", "70"});
  for (std::size_t i = 0; i < 3; ++i) scorer.start(group.prompt, 0, i, group.rollouts[i]);
  std::thread answering([&] { judge.release(); });
  const auto scored = scorer.score({group});
  answering.join();
  EXPECT_DOUBLE_EQ(scored[0].scores[2].reward.value(), 0.70);
}

TEST(Scorer, AnEmptyStoryIsNotJudged) {
  FakeJudge judge;
  Scorer scorer(judge, {}, text_of, no_penalties);
  const auto scored = scorer.score({group_of({"", "50"})});
  EXPECT_EQ(judge.calls(), 1);
  EXPECT_DOUBLE_EQ(scored[0].scores[0].reward.value(), -1.0);  // the blank penalty
}

TEST(Scorer, APartThatTheRulesDidNotComputeLeavesNoReward) {
  FakeJudge judge;
  Scorer scorer(judge, {}, text_of,
                [](const Prompt&, const Rollout&, const std::string&) { return RewardParts{}; });
  const auto scored = scorer.score({group_of({"50"})});
  EXPECT_FALSE(scored[0].scores[0].reward);
  EXPECT_FALSE(scored[0].scores[0].failure.empty());
}

TEST(Scorer, MayBeDestroyedWhileAnswersAreOnTheirWay) {
  FakeJudge judge;
  judge.hold();
  {
    Scorer scorer(judge, {}, text_of, no_penalties);
    const RolloutGroup group = group_of({"10"});
    scorer.start(group.prompt, 0, 0, group.rollouts[0]);
  }
  judge.release();  // must not touch the scorer
  EXPECT_EQ(judge.calls(), 1);
}

}  // namespace
}  // namespace polaris
