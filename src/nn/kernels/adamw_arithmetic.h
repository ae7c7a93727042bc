/// One parameter of an AdamW step, for CPU and GPU: the same bits, if it is compiled without fused
/// multiply-adds. Formulas: nn/internal/adamw.h.
#pragma once

#include "nn/kernels/adamw_kernels.h"
#include "nn/kernels/moment_map.h"
#include "nn/kernels/split_float.h"

namespace polaris::kernels {

struct WholeWeights {
  float* weight;
  POLARIS_DEVICE float get(std::int64_t i) const { return weight[i]; }
  POLARIS_DEVICE void set(std::int64_t i, float w) const { weight[i] = w; }
  WholeWeights from(std::int64_t begin) const { return {weight + begin}; }
};

struct SplitWeights {
  Bf16* upper;
  std::int16_t* lower;
  POLARIS_DEVICE float get(std::int64_t i) const { return join({upper[i].bits, lower[i]}); }
  POLARIS_DEVICE void set(std::int64_t i, float w) const {
    const SplitFloat parts = split(w);
    upper[i].bits = parts.upper;
    lower[i] = parts.lower;
  }
  SplitWeights from(std::int64_t begin) const { return {upper + begin, lower + begin}; }
};

/// Rounds v >= 0 up with the probability that keeps its mean: `random` is uniform in [0, 2^16).
POLARIS_INLINE void store_at_random(Bf16& to, float v, std::uint16_t random) {
  to.bits = static_cast<std::uint16_t>((__builtin_bit_cast(std::uint32_t, v) + random) >> 16);
}
POLARIS_INLINE void store_at_random(float& to, float v, std::uint16_t) { to = v; }

// Floats in and out: in a simd loop g++ puts a struct into memory, and there is no vector code.
POLARIS_INLINE float moved_m(float m, float g, const AdamWConstants& c) {
  return m + c.one_minus_beta1 * (g - m);
}
POLARIS_INLINE float moved_v(float v, float g, const AdamWConstants& c) {
  return c.beta2 * v + c.one_minus_beta2 * (g * g);
}
POLARIS_INLINE float moved_weight(float w, float m, float root, const AdamWConstants& c) {
  const float denominator = root * c.inverse_root_bias2 + c.eps;
  return w - (c.decay * w + c.step_size * m / denominator);
}

/// The moment that a code stands for: what magnitude_of() gives, times the block's scale, with the
/// sign of the code.
POLARIS_INLINE float first_moment_of(std::int32_t code, float scale) {
  const float magnitude =
      magnitude_of<FirstMomentMap>((code ^ (code >> 31)) - (code >> 31)) * scale;
  return __builtin_bit_cast(float, bits_of(magnitude) | (code & INT32_MIN));
}

/// And back; `inverse` is inverse_scale() of the block's scale.
POLARIS_INLINE std::int8_t first_moment_code(float m, float inverse) {
  const std::int32_t bits = bits_of(m);
  const std::int32_t negative = bits >> 31;  // all ones or all zeros
  const float magnitude = __builtin_bit_cast(float, bits& INT32_MAX) * inverse;
  return static_cast<std::int8_t>((code_of<FirstMomentMap>(magnitude, 0.5F) ^ negative) - negative);
}

POLARIS_INLINE std::uint8_t root_code(float root, float inverse, std::uint16_t random) {
  return static_cast<std::uint8_t>(
      code_of<SecondMomentMap>(root * inverse, static_cast<float>(random) * 0x1p-16F));
}

}  // namespace polaris::kernels
