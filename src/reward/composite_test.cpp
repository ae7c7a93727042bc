#include "reward/composite.h"

#include <gtest/gtest.h>

namespace polaris {
namespace {

// The [run] table of specs/recipe.md 6.2.
TEST(StoryQuality, MatchesThePublishedTable) {
  struct Line {
    std::int64_t positive, negative, bonus, penalty, overall;
    bool floored, capped;
  };
  for (const Line& line :
       {Line{60, 20, 4, 5, 41, false, true}, Line{60, 31, 4, 0, 29, true, false},
        Line{60, 30, 4, 0, 34, false, false}, Line{60, 39, 0, 6, 18, false, true},
        Line{60, 40, 0, 6, 14, false, false}, Line{60, 60, 8, 8, -8, true, false},
        Line{100, 0, 8, 0, 108, false, false}, Line{0, 151, 0, 8, -159, false, false}}) {
    const auto quality = story_quality(line.positive, line.negative, line.bonus, line.penalty, {});
    EXPECT_EQ(quality.overall, line.overall);
    EXPECT_EQ(quality.bonus_floored, line.floored);
    EXPECT_EQ(quality.penalty_capped, line.capped);
    EXPECT_DOUBLE_EQ(quality.value({}), static_cast<double>(line.overall) / 100);
  }
}

TEST(StoryQuality, AVerdictIsTheSumOfItsDimensions) {
  const Verdict best{.positive = kPositiveMax};
  EXPECT_EQ(story_quality(best, {}).positive, 100);
  const Verdict worst{.negative = kNegativeMax};
  EXPECT_EQ(story_quality(worst, {}).negative, 151);
}

RewardParts all_parts() {
  return {.story_quality = 0.4, .self_repetition = 0.1, .length = 0.25, .blank = 0.0};
}

TEST(CompositeReward, AddsWeightedPartsAndClamps) {
  EXPECT_NEAR(composite_reward(all_parts(), {}).value(), 0.4 - 0.15 - 0.2, 1e-12);
  // specs/recipe.md 6.5: -1.59, R = 0, T = 4000 with 400 words
  const RewardParts parts{
      .story_quality = -1.59, .self_repetition = 0.0, .length = 0.882353, .blank = 0.0};
  EXPECT_EQ(composite_reward(parts, {}).value(), -2.0);
}

TEST(CompositeReward, AMissingPartIsMissingUnlessItHasNoWeight) {
  RewardParts parts = all_parts();
  parts.story_quality.reset();
  EXPECT_FALSE(composite_reward(parts, {}));
  EXPECT_TRUE(composite_reward(parts, {.story_quality = 0}));
  parts = all_parts();
  parts.blank.reset();
  EXPECT_FALSE(composite_reward(parts, {}));
}

TEST(CompositeReward, OverlongAndThinkingPenaltiesAreAddedAsTheyAre) {
  RewardParts parts = all_parts();
  parts.overlong = -0.5;
  parts.thinking = -0.01;
  EXPECT_NEAR(composite_reward(parts, {}).value(), 0.05 - 0.51, 1e-12);
}

}  // namespace
}  // namespace polaris
