#include "rl/surrogate.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace polaris {
namespace {

// The [run] table of specs/recipe.md 8.
TEST(Surrogate, MatchesThePublishedTable) {
  struct Line {
    double advantage, ratio, loss;
  };
  for (const auto& [advantage, ratio, loss] :
       {Line{1, 1.5, -1.28}, Line{1, 0.5, -0.5}, Line{-1, 0.5, 0.8}, Line{-1, 1.5, 1.5},
        Line{-1, 5, 3}}) {
    EXPECT_NEAR(surrogate(std::log(ratio), 0.0, advantage, {}).loss, loss, 1e-12)
        << "A " << advantage << ", ratio " << ratio;
  }
}

TEST(Surrogate, OnPolicyGradientIsMinusTheAdvantage) {
  for (const double advantage : {-2.0, 0.0, 0.7}) {
    const TokenLoss token = surrogate(-3.2, -3.2, advantage, {});
    EXPECT_DOUBLE_EQ(token.gradient, -advantage);
    EXPECT_FALSE(token.clipped || token.dual_clipped);
  }
}

TEST(Surrogate, GradientAgreesWithFiniteDifferences) {
  std::mt19937 random(11);
  std::normal_distribution<double> normal;
  const double h = 1e-6;
  int checked = 0;
  for (int trial = 0; trial < 2000; ++trial) {
    const double old_logprob = -2.0 + normal(random);
    const double logprob = old_logprob + 0.8 * normal(random);
    const double advantage = normal(random);
    const TokenLoss low = surrogate(logprob - h, old_logprob, advantage, {});
    const TokenLoss high = surrogate(logprob + h, old_logprob, advantage, {});
    if (low.clipped != high.clipped || low.dual_clipped != high.dual_clipped) continue;  // a kink
    const double expected = (high.loss - low.loss) / (2 * h);
    EXPECT_NEAR(surrogate(logprob, old_logprob, advantage, {}).gradient, expected, 1e-6);
    ++checked;
  }
  EXPECT_GT(checked, 1900);
}

TEST(Surrogate, FlagsSayWhichBoundDecided) {
  EXPECT_TRUE(surrogate(std::log(1.5), 0, 1, {}).clipped);
  EXPECT_TRUE(surrogate(std::log(0.5), 0, -1, {}).clipped);
  EXPECT_TRUE(surrogate(std::log(5), 0, -1, {}).dual_clipped);
  EXPECT_EQ(surrogate(std::log(5), 0, -1, {}).gradient, 0.0);
}

TEST(Surrogate, AbsurdRatiosStayFinite) {
  const TokenLoss token = surrogate(0.0, -1e6, -1.0, {});
  EXPECT_DOUBLE_EQ(token.loss, 3.0);
  EXPECT_DOUBLE_EQ(surrogate(0.0, -1e6, 1.0, {}).loss, -1.28);
  EXPECT_EQ(surrogate(-1e6, 0.0, 1.0, {}).gradient, 0.0);  // the exponent is clamped: flat
}

TEST(TruncatedImportanceWeight, IsTheRatioUpToTheCap) {
  EXPECT_NEAR(truncated_importance_weight(-1.0, -1.2, 2.0), std::exp(0.2), 1e-12);
  EXPECT_EQ(truncated_importance_weight(0.0, -5.0, 2.0), 2.0);
}

}  // namespace
}  // namespace polaris
