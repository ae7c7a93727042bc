#include "eval/bootstrap.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/random.h"

namespace polaris {
namespace {

using ByPrompt = std::vector<std::vector<double>>;

std::vector<double> normal_values(std::size_t count, double mean, std::uint64_t seed) {
  RandomStream random({.seed = seed, .purpose = RandomPurpose::kData});
  std::vector<double> values;
  for (std::size_t i = 0; i < count; ++i) values.push_back(mean + random.normal());
  return values;
}

TEST(Bootstrap, OfFewerThanTwoPromptsKnowsNothing) {
  EXPECT_FALSE(bootstrap_mean({}, {}));
  EXPECT_FALSE(bootstrap_mean(ByPrompt{{1, 2, 3}}, {}));
  EXPECT_FALSE(bootstrap_mean(ByPrompt{{1, 2, 3}, {}}, {}));
  EXPECT_FALSE(bootstrap_difference(std::vector{1.0}, {}));
  EXPECT_FALSE(sign_flip_p({}, {}));
}

TEST(Bootstrap, OfEqualValuesIsThatValue) {
  const auto interval = bootstrap_mean(ByPrompt{{2, 2}, {2}, {2}}, {});
  ASSERT_TRUE(interval);
  EXPECT_EQ(interval->low, 2.0);
  EXPECT_EQ(interval->high, 2.0);
}

TEST(Bootstrap, DependsOnTheSeedAndOnNothingElse) {
  const auto values = normal_values(30, 0.0, 1);
  const auto first = bootstrap_difference(values, {.seed = 7}).value();
  const auto again = bootstrap_difference(values, {.seed = 7}).value();
  const auto other = bootstrap_difference(values, {.seed = 8}).value();
  EXPECT_EQ(first.low, again.low);
  EXPECT_EQ(first.high, again.high);
  EXPECT_NE(first.low, other.low);
  EXPECT_NEAR(first.low, other.low, 0.1);
}

TEST(Bootstrap, HasTheWidthOfTheNormalApproximation) {
  const auto values = normal_values(400, 3.0, 2);
  const auto interval = bootstrap_difference(values, {}).value();
  EXPECT_TRUE(interval.contains(3.0));
  EXPECT_NEAR(interval.high - interval.low, 2 * 1.96 / std::sqrt(400.0), 0.02);
}

/// Copies of a prompt's story are no new evidence: the unit is the prompt.
TEST(Bootstrap, SamplesOfOnePromptMoveTogether) {
  ByPrompt once, ten_times;
  for (const double value : normal_values(20, 0.0, 3)) {
    once.push_back({value});
    ten_times.push_back(std::vector<double>(10, value));
  }
  const auto a = bootstrap_mean(once, {}).value();
  const auto b = bootstrap_mean(ten_times, {}).value();
  EXPECT_NEAR(a.low, b.low, 1e-12);
  EXPECT_NEAR(a.high, b.high, 1e-12);
}

TEST(Bootstrap, CoversTheTrueMeanAboutAsOftenAsItSays) {
  int covered = 0;
  constexpr int kTrials = 200;
  for (int trial = 0; trial < kTrials; ++trial) {
    const auto values = normal_values(40, 1.0, static_cast<std::uint64_t>(1000 + trial));
    covered += bootstrap_difference(values, {.draws = 300})->contains(1.0) ? 1 : 0;
  }
  EXPECT_GE(covered, 180);  // 95 % of 200 is 190; four standard deviations below it is 178
  EXPECT_LE(covered, 199);
}

TEST(SignFlip, IsTheExactShareOfSignsWhereThereAreFew) {
  // Of the eight ways to sign 1, 2, 3 the two with one sign reach a sum of 6.
  EXPECT_NEAR(sign_flip_p(std::vector{1.0, 2.0, 3.0}, {.draws = 20000}).value(), 0.25, 0.01);
  EXPECT_EQ(sign_flip_p(std::vector{0.0, 0.0}, {}).value(), 1.0);
}

TEST(SignFlip, IsSmallForADifferenceThatEveryPromptShows) {
  const auto p = sign_flip_p(normal_values(40, 2.0, 4), {}).value();
  EXPECT_LT(p, 0.001);
  EXPECT_GT(p, 0.0);
  EXPECT_GT(sign_flip_p(normal_values(40, 0.0, 5), {}).value(), 0.05);
}

}  // namespace
}  // namespace polaris
