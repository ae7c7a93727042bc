#include "nn/layer_memory.h"

#include <gtest/gtest.h>

namespace polaris {
namespace {

const std::string kArchitectures = POLARIS_SOURCE_DIR "/assets/architectures/";

// D.2: 1.45 GB live and 0.3 to 1.1 GB of the delta rule at 8,448 tokens; D.5 counts 2.5 GB.
TEST(LayerMemory, LiveSetIsWhatTheSpecificationEstimates) {
  const ModelConfig config = read_model_config(kArchitectures + "qwen3.5-9b.json");
  const LayerMemory delta = delta_rule_memory(*config.linear_attention);
  const LayerMemory linear = layer_memory(config, LayerKind::kLinearAttention, 2);
  const LayerMemory full = layer_memory(config, LayerKind::kFullAttention, 2);
  const auto at_8448 = [](std::int64_t bytes) { return static_cast<double>(bytes * 8448) / 1e9; };
  EXPECT_NEAR(at_8448(delta.inference), 1.1, 0.05);
  EXPECT_NEAR(at_8448(linear.saved - delta.saved), 1.45, 0.1);
  EXPECT_NEAR(at_8448(full.saved), 1.45, 0.2);
  // The estimate is 2.6; the form of batched products also holds D, P, L and scaled queries (A.7).
  EXPECT_NEAR(at_8448(linear.peak), 2.6 + 4.0 * (3 * 64 * 32 + 4096) * 8448 / 1e9, 0.15);
  EXPECT_GT(linear.peak, full.peak);
}

TEST(LayerMemory, CountsEveryTensorOfASmallLayer) {
  ModelConfig config = read_model_config(kArchitectures + "qwen3-8b.json");
  config.hidden_size = 10;
  config.intermediate_size = 100;
  config.attention_heads = 4;
  config.key_value_heads = 2;
  config.head_dim = 8;
  // n1 10, q k v 64, rotated q k 48, output 32, sum 10; n2 10, gate up 200, product 100, output 10
  const LayerMemory layer = layer_memory(config, LayerKind::kFullAttention, 4);
  EXPECT_EQ(layer.saved, 4 * (10 + 64 + 48 + 32 + 10 + 10 + 200 + 100 + 10));
  EXPECT_EQ(layer.peak, layer.saved + 4 * (300 + 20));
}

}  // namespace
}  // namespace polaris
