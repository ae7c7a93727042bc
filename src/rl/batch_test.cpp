#include "rl/batch.h"

#include <gtest/gtest.h>

namespace polaris {
namespace {

constexpr auto P = Origin::kPolicy;
constexpr auto R = Origin::kReference;

/// One rollout per reward; rollout i has i + 1 tokens. An absent reward is a failed judgement.
ScoredGroup group_of(const std::vector<std::optional<double>>& rewards,
                     const std::vector<Origin>& origins) {
  ScoredGroup scored{.group = {.prompt = {.id = "p", .tokens = {7, 8}}}};
  for (std::size_t i = 0; i < rewards.size(); ++i) {
    scored.group.rollouts.push_back(
        {.origin = origins[i], .tokens = std::vector<TokenId>(i + 1, static_cast<TokenId>(i))});
    scored.scores.push_back({.reward = rewards[i], .failure = rewards[i] ? "" : "timeout"});
  }
  return scored;
}

TEST(BuildBatch, ReferenceRowCarriesTheHriWeight) {
  const std::vector groups = {group_of({.2, .4, .6, .3, .5, .9}, {P, P, P, P, P, R})};
  const auto built = build_batch(
      groups, {.advantage = {.sd_floor = 0, .reference_cap = 0}, .hri_weight = 0.4 / 15});
  ASSERT_EQ(built.batch.rows.size(), 6U);
  const Row& reference = built.batch.rows[5];
  EXPECT_EQ(reference.origin, R);
  EXPECT_NEAR(reference.advantage, 0.084327, 1e-6);  // specs/recipe.md 7.3, step 2
  EXPECT_NEAR(built.groups[0].reference_advantage_unweighted, 3.162257, 1e-6);
  EXPECT_EQ(reference.prompt_tokens, (std::vector<TokenId>{7, 8}));
}

TEST(BuildBatch, FailedRowLeavesStatisticsAndUpdate) {
  const std::vector with_failure = {group_of({.1, {}, .5, .9}, {P, P, P, R})};
  const std::vector without = {group_of({.1, .5, .9}, {P, P, R})};
  const auto a = build_batch(with_failure, {.hri_weight = 1});
  const auto b = build_batch(without, {.hri_weight = 1});
  ASSERT_EQ(a.batch.rows.size(), 3U);
  for (std::size_t i = 0; i < 3; ++i)
    EXPECT_EQ(a.batch.rows[i].advantage, b.batch.rows[i].advantage);
  EXPECT_FALSE(a.groups[0].advantages[1]);
  // 1 + 3 + 4 tokens remain in the normaliser; the failed row's two do not
  EXPECT_DOUBLE_EQ(a.batch.step_scale, 1.0 / 8);
}

TEST(BuildBatch, GroupBelowTwoScoredPolicyRolloutsIsDropped) {
  const std::vector groups = {group_of({.1, {}, {}, .9}, {P, P, P, R}),
                              group_of({.1, .2, .3, .9}, {P, P, P, R})};
  const auto built = build_batch(groups, {.hri_weight = 1});
  EXPECT_TRUE(built.groups[0].dropped);
  EXPECT_FALSE(built.groups[1].dropped);
  EXPECT_EQ(built.batch.rows.size(), 4U);

  const auto faithful = build_batch(groups, {.hri_weight = 1, .min_policy_rollouts = 1});
  EXPECT_EQ(faithful.batch.rows.size(), 6U);
}

TEST(BuildBatch, EqualPolicyRewardsLeaveOnlyTheReference) {
  const std::vector groups = {group_of({-2, -2, -2, .5}, {P, P, P, R})};
  const auto built = build_batch(groups, {.hri_weight = 0.4});
  ASSERT_EQ(built.batch.rows.size(), 1U);
  EXPECT_TRUE(built.groups[0].zero_spread);
  EXPECT_DOUBLE_EQ(built.batch.rows[0].advantage, 0.4 * 5);
}

TEST(BuildBatch, AReferenceWithoutARewardIsLeftOut) {
  const std::vector groups = {group_of({.1, .2, {}}, {P, P, R})};
  const auto built = build_batch(groups, {.hri_weight = 0.4});
  EXPECT_EQ(built.batch.rows.size(), 2U);
  EXPECT_EQ(built.groups[0].reference_advantage_unweighted, 0.0);
}

TEST(BuildBatch, NothingScoredGivesAnEmptyBatch) {
  const std::vector groups = {group_of({{}, {}}, {P, P})};
  const auto built = build_batch(groups, {});
  EXPECT_TRUE(built.batch.rows.empty());
  EXPECT_EQ(built.batch.step_scale, 0.0);
}

}  // namespace
}  // namespace polaris
