#include "reward/overlong.h"

#include <gtest/gtest.h>

namespace polaris {
namespace {

constexpr OverlongRule kRow;
constexpr OverlongRule kPerToken{.mode = OverlongMode::kPerToken};

constexpr ResponseTokens cut_at(std::int64_t count, std::int64_t thinking = 0) {
  return {.count = count, .thinking = thinking, .limit = 8192, .is_cut = true};
}

TEST(OverlongPenalty, GrowsOverTheBufferToItsFactorAtTheLimit) {
  EXPECT_EQ(overlong_penalty(cut_at(7679), kRow), 0.0);
  EXPECT_EQ(overlong_penalty(cut_at(7680), kRow), 0.0);
  EXPECT_EQ(overlong_penalty(cut_at(7936), kRow), -0.5);
  EXPECT_EQ(overlong_penalty(cut_at(8192), kRow), -1.0);
  EXPECT_EQ(overlong_penalty(cut_at(8192), {.factor = 0.25}), -0.25);
}

TEST(OverlongPenalty, IsForResponsesThatWereCutOnly) {
  ResponseTokens ended = cut_at(8192);
  ended.is_cut = false;
  EXPECT_EQ(overlong_penalty(ended, kRow), 0.0);
  EXPECT_EQ(overlong_penalty(ended, kPerToken), 0.0);
}

// Validation may sample further than the limit of training.
TEST(OverlongPenalty, BeyondTheLimitIsWhatItIsAtTheLimit) {
  EXPECT_EQ(overlong_penalty(cut_at(14336), kRow), -1.0);
}

// The toy check of specs/recipe.md 6.6: limit 800, buffer 50, 4 tokens of thinking.
TEST(OverlongPenalty, AsPublishedIsSpreadOverTheStorysTokens) {
  const OverlongRule rule{.mode = OverlongMode::kPerToken, .buffer_tokens = 50};
  const auto at = [&](std::int64_t count) {
    return overlong_penalty({.count = count, .thinking = 4, .limit = 800, .is_cut = true}, rule);
  };
  EXPECT_NEAR(at(800).value(), -0.001256, 1e-6);
  EXPECT_NEAR(at(775).value(), -0.000649, 1e-6);
  EXPECT_NEAR(overlong_penalty(cut_at(8192, 2192), kPerToken).value(), -1.0 / 6000, 1e-12);
}

TEST(OverlongPenalty, AsPublishedHasNothingToBeSpreadOverWithoutAStory) {
  EXPECT_EQ(overlong_penalty(cut_at(8192, 8192), kPerToken), 0.0);
}

TEST(OverlongPenalty, IsAbsentWhereTheRuleIsOff) {
  EXPECT_FALSE(overlong_penalty(cut_at(8192), {.mode = OverlongMode::kOff}));
}

}  // namespace
}  // namespace polaris
