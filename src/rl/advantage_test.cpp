#include "rl/advantage.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

#include "base/error.h"

namespace polaris {
namespace {

constexpr auto P = Origin::kPolicy;
constexpr auto R = Origin::kReference;
constexpr AdvantageConfig kFaithful{.sd_floor = 0.0, .reference_cap = 0.0};

std::vector<Origin> five_and_reference() { return {P, P, P, P, P, R}; }

struct Case {
  const char* name;
  std::vector<double> rewards;
  std::vector<Origin> origins;
  std::vector<double> advantages;
  double tolerance = 1e-6;
};

// The [run] table of specs/recipe.md 7.1.
TEST(GroupAdvantages, MatchesThePublishedCases) {
  const std::vector<Case> cases = {
      {"A",
       {.2, .4, .6, .3, .5, .9},
       five_and_reference(),
       {-1.264903, 0, 1.264903, -0.632452, 0.632452, 3.162257}},
      {"B",
       {-.1, .1, .0, .3, .2, .05},
       five_and_reference(),
       {-1.264903, 0, -0.632452, 1.264903, 0.632452, -0.316226}},
      {"C", {.5, .5, .5, .5, .5, .75}, five_and_reference(), {0, 0, 0, 0, 0, 250000}, 1e-3},
      {"D", {.4, .9}, {P, R}, {0.4, 0.899999}},
      // The reference inside the statistics is what a group of six policy rollouts is.
      {"A, all policy",
       {.2, .4, .6, .3, .5, .9},
       {P, P, P, P, P, P},
       {-1.140961, -0.335577, 0.469808, -0.738269, 0.067115, 1.677883}},
      {"no policy rollout",
       {.2, .4, .6, .3, .5, .9},
       {R, R, R, R, R, R},
       {-1.140961, -0.335577, 0.469808, -0.738269, 0.067115, 1.677883}},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    const auto result = group_advantages(c.rewards, c.origins, kFaithful);
    ASSERT_EQ(result.values.size(), c.advantages.size());
    for (std::size_t i = 0; i < c.advantages.size(); ++i)
      EXPECT_NEAR(result.values[i].value(), c.advantages[i], c.tolerance) << "i = " << i;
  }
  const auto a = group_advantages(cases[0].rewards, cases[0].origins, kFaithful);
  EXPECT_NEAR(a.mean, 0.4, 1e-12);
  EXPECT_NEAR(a.sd, 0.158114, 1e-6);
}

TEST(GroupAdvantages, FloorAndCapTameAGroupOfEqualRewards) {
  const std::vector<double> all_clamped = {-2, -2, -2, -2, -2, 0.4};
  const auto result = group_advantages(all_clamped, five_and_reference(), {});
  EXPECT_TRUE(result.zero_spread);
  for (int i = 0; i < 5; ++i) EXPECT_FALSE(result.values[i]) << "policy row " << i;
  EXPECT_EQ(result.values[5].value(), 5.0);

  // Within the cap the reference's advantage is its distance in units of the floor.
  const auto near = group_advantages(std::vector{.5, .5, .6}, std::vector{P, P, R}, {});
  EXPECT_NEAR(near.values[2].value(), 0.1 / 0.05, 1e-9);
}

TEST(GroupAdvantages, FloorHoldsForAllRowsOfANarrowGroup) {
  const auto result = group_advantages(std::vector{.50, .51}, std::vector{P, P}, {});
  EXPECT_FALSE(result.zero_spread);
  EXPECT_NEAR(result.values[1].value(), 0.005 / (0.05 + 1e-6), 1e-9);
}

TEST(GroupAdvantages, ReferenceNeverMovesAPolicyAdvantage) {
  std::vector<double> rewards = {.2, .4, .6, .3, .5, .9};
  const auto before = group_advantages(rewards, five_and_reference(), {});
  for (const double reference : {-2.0, 0.0, 0.4, 2.0}) {
    rewards[5] = reference;
    const auto after = group_advantages(rewards, five_and_reference(), {});
    for (int i = 0; i < 5; ++i) EXPECT_EQ(after.values[i], before.values[i]);
    EXPECT_LE(std::abs(*after.values[5]), 5.0);
  }
}

TEST(GroupAdvantages, ShiftAndScaleOfTheRewardsCancelAndOrderDoesNotMatter) {
  std::mt19937 random(7);
  std::uniform_real_distribution<double> reward(-1, 1);
  const AdvantageConfig no_epsilon{.epsilon = 1e-12, .sd_floor = 0.0, .reference_cap = 0.0};
  for (int trial = 0; trial < 100; ++trial) {
    std::vector<double> rewards(6);
    for (double& r : rewards) r = reward(random);
    const auto base = group_advantages(rewards, five_and_reference(), no_epsilon);

    std::vector<double> moved = rewards;
    for (double& r : moved) r = 3.0 * r - 0.7;
    const auto shifted = group_advantages(moved, five_and_reference(), no_epsilon);

    std::vector<std::size_t> order = {0, 1, 2, 3, 4, 5};
    std::ranges::shuffle(order, random);
    std::vector<double> permuted_rewards;
    std::vector<Origin> permuted_origins;
    for (const std::size_t i : order) {
      permuted_rewards.push_back(rewards[i]);
      permuted_origins.push_back(five_and_reference()[i]);
    }
    const auto permuted = group_advantages(permuted_rewards, permuted_origins, no_epsilon);
    for (std::size_t i = 0; i < 6; ++i) {
      EXPECT_NEAR(*shifted.values[i], *base.values[i], 1e-8);
      EXPECT_NEAR(*permuted.values[i], *base.values[order[i]], 1e-9);
    }
  }
}

TEST(GroupAdvantages, RewardThatIsNotFiniteIsABug) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_THROW(group_advantages(std::vector{nan, 0.0}, std::vector{P, P}, {}), Error);
  EXPECT_THROW(group_advantages(std::vector{0.0}, std::vector{P, P}, {}), Error);
}

}  // namespace
}  // namespace polaris
