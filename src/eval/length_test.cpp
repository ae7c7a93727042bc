#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "eval/length_buckets.h"
#include "eval/length_ratio.h"

namespace polaris {
namespace {

using Values = std::vector<std::optional<double>>;

TEST(LengthBuckets, AnEdgeBelongsToTheLowerBucketAndTheLastEdgeIsTheEnd) {
  const std::vector<std::int64_t> edges = {2000, 3000};
  EXPECT_EQ(bucket_of(1, edges), 0U);
  EXPECT_EQ(bucket_of(2000, edges), 0U);
  EXPECT_EQ(bucket_of(2001, edges), 1U);
  EXPECT_EQ(bucket_of(3001, edges), std::nullopt);
}

TEST(LengthBuckets, BandsFollowTheEdgesAndNotTheirNumber) {
  const std::vector<std::int64_t> edges = {500, 4000, 5000, 20000};
  const LengthBands bands = length_bands(Values{1.0, 3.0, 7.0, {}}, edges);
  EXPECT_EQ(bands.trained, 2.0);
  EXPECT_EQ(bands.longer, 7.0);
  EXPECT_EQ(bands.far_longer, std::nullopt);
  EXPECT_THROW(length_bands(Values{1.0}, edges), Error);
}

TEST(LengthBuckets, OneOddBucketMovesTheSlopeAndNotTheRobustOne) {
  const Values line = {10.0, 8.0, 6.0, 4.0, 2.0};
  const Values odd = {10.0, 8.0, 60.0, 4.0, 2.0};
  EXPECT_NEAR(bucket_slope(line).value(), -2.0, 1e-12);
  EXPECT_NEAR(robust_bucket_slope(line).value(), -2.0, 1e-12);
  EXPECT_NEAR(robust_bucket_slope(odd).value(), -2.0, 1e-12);
  EXPECT_EQ(robust_bucket_slope(Values{1.0, {}}), std::nullopt);
  EXPECT_EQ(bucket_mean(Values{{}, {}}), std::nullopt);
}

TEST(LengthSpread, SaysWhatTheMeanHides) {
  EXPECT_FALSE(length_spread({}));
  const auto spread = length_spread(std::vector{0.5, 0.9, 1.1, 1.2, 2.5}).value();
  EXPECT_DOUBLE_EQ(spread.within_10_percent, 0.4);
  EXPECT_DOUBLE_EQ(spread.within_20_percent, 0.6);
  EXPECT_DOUBLE_EQ(spread.over_twice, 0.2);
  // Distances from log 1.1: log 2.2, log(11/9), 0, log(12/11), log(25/11); the third in order.
  EXPECT_NEAR(spread.log_ratio_mad.value(), std::log(11.0 / 9.0), 1e-12);
}

TEST(LengthSpread, OfEmptyStoriesHasNoLogarithm) {
  const auto spread = length_spread(std::vector{0.0, 0.0}).value();
  EXPECT_EQ(spread.within_20_percent, 0.0);
  EXPECT_FALSE(spread.log_ratio_mad);
}

}  // namespace
}  // namespace polaris
