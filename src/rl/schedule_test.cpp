#include "rl/schedule.h"

#include <gtest/gtest.h>

namespace polaris {
namespace {

TEST(LearningRate, RecipeIsConstantFromTheFirstStep) {
  EXPECT_EQ(learning_rate(1e-6, Schedule::kConstant, 0, 1, 160), 1e-6);
  EXPECT_EQ(learning_rate(1e-6, Schedule::kConstant, 0, 160, 160), 1e-6);
}

TEST(LearningRate, WarmUpEndsAtTheFullRate) {
  EXPECT_DOUBLE_EQ(learning_rate(1.0, Schedule::kCosine, 4, 1, 20), 0.25);
  EXPECT_DOUBLE_EQ(learning_rate(1.0, Schedule::kCosine, 4, 4, 20), 1.0);
  EXPECT_DOUBLE_EQ(learning_rate(1.0, Schedule::kCosine, 4, 5, 20), 1.0);
}

TEST(LearningRate, LinearAndCosineFallTowardsZero) {
  EXPECT_DOUBLE_EQ(learning_rate(1.0, Schedule::kLinear, 0, 6, 10), 0.5);
  EXPECT_DOUBLE_EQ(learning_rate(1.0, Schedule::kLinear, 0, 10, 10), 0.1);
  EXPECT_NEAR(learning_rate(1.0, Schedule::kCosine, 0, 6, 10), 0.5, 1e-12);
  EXPECT_EQ(learning_rate(1.0, Schedule::kLinear, 0, 99, 10), 0.0);
  for (std::int64_t step = 2; step <= 10; ++step)
    EXPECT_LT(learning_rate(1.0, Schedule::kCosine, 0, step, 10),
              learning_rate(1.0, Schedule::kCosine, 0, step - 1, 10));
}

}  // namespace
}  // namespace polaris
