#include "rl/hri.h"

#include <gtest/gtest.h>

namespace polaris {
namespace {

TEST(HriWeight, MatchesThePublishedWarmUp) {
  const HriConfig config;
  const std::vector<std::pair<std::int64_t, double>> table = {
      {1, 0.0}, {2, 0.026667}, {3, 0.053333}, {8, 0.186667}, {15, 0.373333}, {16, 0.4}, {160, 0.4}};
  for (const auto& [step, weight] : table)
    EXPECT_NEAR(hri_weight(config, step), weight, 1e-6) << "step " << step;
}

TEST(HriWeight, DecaysLinearlyOrAsACosine) {
  HriConfig config{.warmup_steps = 2, .decay_steps = 4};
  const std::vector<double> linear = {0, .2, .4, .3, .2, .1, 0, 0};
  for (std::size_t i = 0; i < linear.size(); ++i)
    EXPECT_NEAR(hri_weight(config, static_cast<std::int64_t>(i) + 1), linear[i], 1e-12);

  config.decay = HriDecay::kCosine;
  config.final_weight = 0.1;
  const std::vector<double> cosine = {0, .2, .4, .356066, .25, .143934, .1, .1};
  for (std::size_t i = 0; i < cosine.size(); ++i)
    EXPECT_NEAR(hri_weight(config, static_cast<std::int64_t>(i) + 1), cosine[i], 1e-6);
}

TEST(HriWeight, IsZeroWhenDisabledAndAtThePeakWithoutWarmUp) {
  EXPECT_EQ(hri_weight({.enabled = false}, 100), 0.0);
  EXPECT_EQ(hri_weight({.peak_weight = 0.3, .warmup_steps = 0}, 1), 0.3);
}

}  // namespace
}  // namespace polaris
