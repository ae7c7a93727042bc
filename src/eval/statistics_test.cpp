#include "eval/statistics.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"

namespace polaris {
namespace {

TEST(Statistics, OfNothingAreNothing) {
  const std::vector<double> none;
  EXPECT_FALSE(mean(none));
  EXPECT_FALSE(minimum(none));
  EXPECT_FALSE(maximum(none));
  EXPECT_FALSE(quantile(none, 0.5));
  EXPECT_FALSE(median(none));
  EXPECT_FALSE(deviation(std::vector{1.0}));
}

TEST(Statistics, OfKnownValues) {
  const std::vector<double> values = {4, 1, 3, 2, 10};
  EXPECT_DOUBLE_EQ(mean(values).value(), 4.0);
  EXPECT_DOUBLE_EQ(deviation(values).value(), std::sqrt(12.5));
  EXPECT_EQ(minimum(values), 1.0);
  EXPECT_EQ(maximum(values), 10.0);
  EXPECT_EQ(median(values), 3.0);
  EXPECT_EQ(median(std::vector<double>{4, 1, 3, 2}), 2.5);
  EXPECT_EQ(quantile(values, 0.0), 1.0);
  EXPECT_EQ(quantile(values, 0.5), 3.0);
  EXPECT_EQ(quantile(values, 0.95), 10.0);
  EXPECT_THROW(quantile(values, 1.5), Error);
}

}  // namespace
}  // namespace polaris
