#include "nn/internal/rope.h"

#include <ATen/ops/outer.h>
#include <ATen/ops/tensor.h>

#include <cmath>
#include <numbers>
#include <vector>

#include "base/error.h"

namespace polaris::nn {
namespace {

/// Slows a frequency whose wavelength is long against the context that the model first learned.
double stretched(double frequency, const Llama3RopeScaling& scaling) {
  const auto context = static_cast<double>(scaling.original_max_position_embeddings);
  const double turns = context * frequency / (2.0 * std::numbers::pi);
  if (turns > scaling.high_freq_factor) return frequency;
  if (turns < scaling.low_freq_factor) return frequency / scaling.factor;
  const double s =
      (turns - scaling.low_freq_factor) / (scaling.high_freq_factor - scaling.low_freq_factor);
  return (1.0 - s) * frequency / scaling.factor + s * frequency;
}

}  // namespace

at::Tensor rope_frequencies(const RopeConfig& config) {
  POLARIS_CHECK(config.rotary_dims > 0 && config.rotary_dims % 2 == 0, "{} rotary dimensions",
                config.rotary_dims);
  std::vector<float> frequencies;
  for (std::int64_t i = 0; i < config.rotary_dims; i += 2) {
    const double plain =
        std::pow(config.theta, -static_cast<double>(i) / static_cast<double>(config.rotary_dims));
    frequencies.push_back(
        static_cast<float>(config.llama3 ? stretched(plain, *config.llama3) : plain));
  }
  return at::tensor(frequencies, at::kFloat);
}

RopeTables rope_tables(const RopeConfig& config, const at::Tensor& positions) {
  const at::Tensor frequencies = rope_frequencies(config).to(positions.device());
  const at::Tensor angles = at::outer(positions.to(at::kFloat), frequencies);
  return {.cos = angles.cos(), .sin = angles.sin()};
}

}  // namespace polaris::nn
