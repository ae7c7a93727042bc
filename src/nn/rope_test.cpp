#include "nn/internal/rope.h"

#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include <cmath>

#include "nn/internal/golden_testing.h"
#include "weights/model_config.h"

namespace polaris::nn {
namespace {

TEST(RopeFrequencies, OfLlama3AreThoseOfTheReference) {
  const ModelConfig config = read_model_config(golden_folder("llama3_tiny"));
  ASSERT_TRUE(config.rope.llama3);
  const GoldenFile golden(golden_folder("llama3_tiny") / "golden.safetensors");
  const at::Tensor expected = golden["rope.inv_freq"];
  const at::Tensor actual = rope_frequencies(config.rope);
  ASSERT_EQ(actual.sizes(), expected.sizes());
  for (std::int64_t i = 0; i < actual.numel(); ++i)
    EXPECT_FLOAT_EQ(actual[i].item<float>(), expected[i].item<float>()) << i;
}

TEST(RopeFrequencies, FallFromOneByEqualFactors) {
  const at::Tensor f = rope_frequencies({.theta = 10000.0, .rotary_dims = 8});
  ASSERT_EQ(f.numel(), 4);
  const float expected[] = {1.0F, 0.1F, 0.01F, 0.001F};
  for (int i = 0; i < 4; ++i) EXPECT_FLOAT_EQ(f[i].item<float>(), expected[i]);
}

TEST(RopeTables, HoldCosineAndSineOfFloatAngles) {
  const RopeConfig config{.theta = 1e7, .rotary_dims = 64};
  const at::Tensor f = rope_frequencies(config);
  const std::vector<std::int64_t> positions = {0, 1, 77, 8191, 262143};
  const RopeTables tables = rope_tables(config, at::tensor(positions, at::kLong));
  ASSERT_EQ(tables.cos.sizes(), (std::vector<std::int64_t>{5, 32}));
  for (std::int64_t t = 0; t < 5; ++t) {
    for (std::int64_t i = 0; i < 32; ++i) {
      const float angle = static_cast<float>(positions[t]) * f[i].item<float>();
      EXPECT_NEAR(tables.cos[t][i].item<float>(), std::cos(double{angle}), 2e-7);
      EXPECT_NEAR(tables.sin[t][i].item<float>(), std::sin(double{angle}), 2e-7);
    }
  }
}

}  // namespace
}  // namespace polaris::nn
