#pragma once

#include <cstdint>

#include "nn/kernels/isa.h"
#include "nn/kernels/simd.h"

namespace polaris::kernels {

/// Which random words round the second moments of one step (base/random.h): counter
/// {upper word of a block's number, step, lower word, purpose}, key {lower, upper word of seed}.
struct RoundingStream {
  std::uint64_t seed;
  std::uint32_t step;
  std::uint32_t purpose;
};

/// One AdamW step as the elementwise arithmetic sees it; nn/internal/adamw.h has the formula.
struct AdamWConstants {
  float gradient_scale, decay, step_size;
  float one_minus_beta1, beta2, one_minus_beta2;
  float inverse_root_bias2, eps;
  RoundingStream rounding;
};

/// A flat range of `count` parameters, the first of them being parameter `first` of the model.
/// Weights are either `weight` or `upper` and `lower` (kernels/split_float.h), moments `m32` and
/// `v32`, or `m16` and `v16`, or codes with the largest magnitude of each block of kMomentBlock,
/// counted from the first parameter here (kernels/moment_map.h): `m8` with the sign of m, `root8`
/// of the root of v. The others are null.
struct AdamWArrays {
  std::int64_t first, count;
  const float* gradient;
  float* weight;
  Bf16* upper;
  std::int16_t* lower;
  float *m32, *v32;
  Bf16 *m16, *v16;
  std::int8_t* m8;
  std::uint8_t* root8;
  float *m_scale, *root_scale;
};

/// Every function gives the same bits for every instruction set.
struct AdamWKernels {
  /// One pass: reads gradient, weights and moments, writes weights and moments.
  void (*update)(const AdamWArrays& arrays, const AdamWConstants& constants);

  /// The 16 random bits that round v of parameters first .. first + count - 1. Parameter i = 128 t
  /// + r takes block 16 t + r % 16, word r / 16 % 4, and of that the upper half where r >= 64.
  void (*rounding_bits)(const RoundingStream& stream, std::int64_t first, std::int64_t count,
                        std::uint16_t* bits);

  /// Sum of x^2 in double. Not finite if, and only if, an element of a float32 array is not.
  double (*sum_of_squares)(const float* x, std::int64_t count);
  double (*sum_of_squares_double)(const double* x, std::int64_t count);
};

POLARIS_DECLARE_KERNELS(AdamWKernels, adamw_kernels)

}  // namespace polaris::kernels
