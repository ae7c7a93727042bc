#include "weights/random_weights.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/temp_folder.h"
#include "weights/float_formats.h"

namespace polaris {
namespace {

const std::string kGolden = POLARIS_GOLDEN_DIR;

struct Moments {
  double mean = 0.0;
  double deviation = 0.0;
  double kurtosis = 0.0;  // of a normal distribution: 3
};

Moments moments_of(const std::vector<float>& values) {
  const auto count = static_cast<double>(values.size());
  Moments result;
  for (const float value : values) result.mean += value / count;
  double second = 0.0;
  double fourth = 0.0;
  for (const float value : values) {
    const double square = (value - result.mean) * (value - result.mean);
    second += square / count;
    fourth += square * square / count;
  }
  result.deviation = std::sqrt(second);
  result.kurtosis = fourth / (second * second);
  return result;
}

class RandomWeightsTest : public testing::Test {
 protected:
  std::vector<float> values(std::string_view name, std::size_t count, std::uint64_t seed = 7,
                            std::uint64_t first = 0) {
    std::vector<float> result(count);
    RandomWeights(config, seed, pool)
        .fill(name, Dtype::kF32, first, std::as_writable_bytes(std::span(result)));
    return result;
  }

  ModelConfig config = read_model_config(kGolden + "/qwen3_5_tiny/config.json");
  TaskPool pool{1};
};

TEST_F(RandomWeightsTest, MatricesAreNormal) {
  for (const char* name :
       {"embed_tokens.weight", "lm_head.weight", "layers.3.self_attn.o_proj.weight",
        "layers.0.linear_attn.in_proj_qkv.weight", "layers.0.linear_attn.in_proj_a.weight"}) {
    SCOPED_TRACE(name);
    // Tolerances: five standard errors of 2e5 values.
    const Moments moments = moments_of(values(name, 200'000));
    EXPECT_NEAR(moments.mean, 0.0, 0.02 * 1.1e-2);
    EXPECT_NEAR(moments.deviation, 0.02, 0.02 * 7.9e-3);
    EXPECT_NEAR(moments.kurtosis, 3.0, 0.055);
  }
}

TEST_F(RandomWeightsTest, NeighboursAreIndependent) {
  const auto sample = values("lm_head.weight", 200'000);
  for (std::size_t distance = 1; distance <= 5; ++distance) {
    double product = 0.0;
    for (std::size_t i = distance; i < sample.size(); ++i)
      product += sample[i] * sample[i - distance];
    EXPECT_NEAR(product / (0.02 * 0.02 * 2e5), 0.0, 1.1e-2) << distance;
  }
}

TEST_F(RandomWeightsTest, VectorsBeginWhereTheLayersAreNeutral) {
  EXPECT_EQ(values("layers.0.input_layernorm.weight", 3), std::vector(3, 0.0F));
  EXPECT_EQ(values("layers.3.self_attn.q_norm.weight", 3), std::vector(3, 0.0F));
  EXPECT_EQ(values("norm.weight", 3), std::vector(3, 0.0F));
  EXPECT_EQ(values("layers.0.linear_attn.norm.weight", 3), std::vector(3, 1.0F));
  EXPECT_EQ(values("layers.0.linear_attn.dt_bias", 3), std::vector(3, 1.0F));
  config = read_model_config(kGolden + "/llama3_tiny/config.json");
  EXPECT_EQ(values("layers.0.post_attention_layernorm.weight", 3), std::vector(3, 1.0F));
}

TEST_F(RandomWeightsTest, DecayAndConvolutionAreUniform) {
  double mean = 0.0;
  for (const float a_log : values("layers.0.linear_attn.A_log", 20'000)) {
    EXPECT_GE(a_log, std::log(0.0099F));
    EXPECT_LE(a_log, std::log(16.001F));
    mean += std::exp(a_log) / 2e4;
  }
  EXPECT_NEAR(mean, 8.005, 0.16);
  const auto taps = values("layers.0.linear_attn.conv1d.weight", 100'000);
  EXPECT_NEAR(*std::ranges::min_element(taps), -0.5, 1e-4);
  EXPECT_NEAR(*std::ranges::max_element(taps), 0.5, 1e-4);
  EXPECT_NEAR(moments_of(taps).deviation, 1.0 / std::sqrt(12.0), 2e-3);
}

TEST_F(RandomWeightsTest, DependOnSeedAndNameOnly) {
  const auto whole = values("lm_head.weight", 100'000);
  for (const std::uint64_t first : {1U, 2U, 3U, 4U, 32'767U, 70'001U}) {
    const auto piece = values("lm_head.weight", 25'000, 7, first);
    EXPECT_TRUE(std::equal(piece.begin(), piece.end(), whole.begin() + static_cast<long>(first)))
        << first;
  }
  EXPECT_NE(values("lm_head.weight", 100, 8), values("lm_head.weight", 100));
  EXPECT_NE(values("embed_tokens.weight", 100), values("lm_head.weight", 100));
  EXPECT_NE(values("lm_head.weight", 4, 7, std::uint64_t{1} << 34), values("lm_head.weight", 4));
}

TEST_F(RandomWeightsTest, AreTheSameForEveryNumberOfThreads) {
  const auto one = values("lm_head.weight", 300'000);
  TaskPool many(4);
  std::vector<float> same(one.size());
  RandomWeights(config, 7, many)
      .fill("lm_head.weight", Dtype::kF32, 0, std::as_writable_bytes(std::span(same)));
  EXPECT_EQ(one, same);
}

TEST_F(RandomWeightsTest, Bfloat16IsTheRoundedFloat32) {
  const auto exact = values("lm_head.weight", 70'000);
  std::vector<std::uint16_t> rounded(exact.size());
  RandomWeights(config, 7, pool)
      .fill("lm_head.weight", Dtype::kBF16, 0, std::as_writable_bytes(std::span(rounded)));
  for (std::size_t i = 0; i < exact.size(); ++i)
    ASSERT_EQ(rounded[i], bf16_from_float(exact[i])) << i;
}

// Models made with a seed are named by it: the numbers must not change. Expected values: the
// formula in double in another language; the tolerance is float32's rounding.
TEST_F(RandomWeightsTest, HaveTheseValuesForGood) {
  const auto sample = values("embed_tokens.weight", 6, 1);
  const std::vector<double> expected = {-0.0226207865, 0.0364798366, -0.0007115402,
                                        -0.0019729677, 0.0081564737, 0.0273129930};
  for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(sample[i], expected[i], 1e-8) << i;
}

TEST_F(RandomWeightsTest, FillEveryTensorOfEveryFamily) {
  for (const char* name :
       {"qwen3_5_tiny", "qwen3_5_tiny_tied", "qwen3_tiny", "llama3_tiny", "mistral_tiny"}) {
    const TempFolder folder;
    const ModelConfig model = read_model_config(kGolden + "/" + name + "/config.json");
    const RandomWeights weights(model, 1, pool);
    write_checkpoint(folder / "m", model, Dtype::kF32,
                     [&](auto tensor, auto dtype, auto first, auto piece) {
                       weights.fill(tensor, dtype, first, piece);
                     });
    const ModelFolder written(folder / "m");
    for (const ModelTensor& tensor : written.tensors()) {
      std::vector<float> stored(tensor.stored->bytes.size() / sizeof(float));
      convert(tensor.stored->bytes, Dtype::kF32, std::as_writable_bytes(std::span(stored)),
              Dtype::kF32);
      EXPECT_TRUE(std::ranges::all_of(stored, [](float v) { return std::isfinite(v); }))
          << name << ' ' << tensor.name;
    }
  }
}

}  // namespace
}  // namespace polaris
