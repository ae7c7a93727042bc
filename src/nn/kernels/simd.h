/// What CPU kernels share: float arithmetic on rows of float32 or bfloat16. Neither libtorch nor
/// our types: pointers and sizes.
///
/// A file kernels/x_kernels.cpp is compiled once for each instruction set (src/nn/CMakeLists.txt),
/// with POLARIS_ISA naming it. It defines
///
///   XKernels polaris::kernels::POLARIS_ISA::x_kernels();     a table of function pointers
///
/// with everything else in it in an anonymous namespace or POLARIS_INLINE, so that no code for one
/// instruction set can stand in for another's; for the same reason it uses builtins where the
/// standard library would bring a function of its own. kernels/isa.h picks the table for this
/// machine.
///
/// The functions below have no branches: a loop over them under `#pragma omp simd` becomes vector
/// code for every instruction set. Kernels of a GPU (nn/cuda/) use the same ones.
#pragma once

#include <cstdint>

#include "base/host_device.h"

#define POLARIS_INLINE POLARIS_DEVICE static inline __attribute__((always_inline))

namespace polaris::kernels {

/// The upper half of a float32. Layout of at::BFloat16.
struct Bf16 {
  std::uint16_t bits;
};

POLARIS_INLINE float load(float x) { return x; }
POLARIS_INLINE float load(Bf16 x) {
  return __builtin_bit_cast(float, static_cast<std::uint32_t>(x.bits) << 16);
}

POLARIS_INLINE void store(float& to, float x) { to = x; }
/// Rounds to nearest even. Infinities stay; so does a NaN that arithmetic made, but one with all
/// its low bits set becomes something else.
POLARIS_INLINE void store(Bf16& to, float x) {
  const auto bits = __builtin_bit_cast(std::uint32_t, x);
  to.bits = static_cast<std::uint16_t>((bits + 0x7fffU + ((bits >> 16) & 1U)) >> 16);
}

/// x as a T holds it.
template <class T>
POLARIS_INLINE float rounded(float x) {
  T stored;
  store(stored, x);
  return load(stored);
}

POLARIS_INLINE float root_of(float x) {
#if defined(__CUDA_ARCH__)
  return __fsqrt_rn(x);
#else
  return __builtin_sqrtf(x);
#endif
}

/// x where low <= x <= high, else the nearer of the two; a NaN stays. Made of masks: from
/// comparisons that select, g++ makes branches, which keep a loop from becoming vector code.
POLARIS_INLINE float clamp(float x, float low, float high) {
  const auto below = -static_cast<std::int32_t>(x < low);
  const auto above = -static_cast<std::int32_t>(x > high);
  const auto bits = __builtin_bit_cast(std::int32_t, x);
  const auto low_bits = __builtin_bit_cast(std::int32_t, low);
  const auto high_bits = __builtin_bit_cast(std::int32_t, high);
  return __builtin_bit_cast(float,
                            bits ^ ((bits ^ low_bits) & below) ^ ((bits ^ high_bits) & above));
}

/// e^x within 1e-7 of its value, for -87 <= x <= 88; beyond, the value at the nearer end. NaN for
/// NaN.
POLARIS_INLINE float exp(float x) {
  // x = n ln 2 + r with |r| <= ln(2)/2; adding 1.5 * 2^23 rounds n to a whole number in the low
  // bits of a float (which is why this file must not be compiled with -ffast-math).
  constexpr float kRound = 12582912.0F;
  x = clamp(x, -87.0F, 88.0F);
  const float shifted = x * 1.44269504F + kRound;
  const float n = shifted - kRound;
  float r = x - n * 0.693359375F;
  r = r + n * 2.12194440e-4F;
  float p = 1.9875691500e-4F;  // minimax polynomial of Cephes expf (Moshier)
  p = p * r + 1.3981999507e-3F;
  p = p * r + 8.3334519073e-3F;
  p = p * r + 4.1665795894e-2F;
  p = p * r + 1.6666665459e-1F;
  p = p * r + 5.0000001201e-1F;
  p = p * r * r + r + 1.0F;
  const auto exponent =
      __builtin_bit_cast(std::int32_t, shifted) - __builtin_bit_cast(std::int32_t, kRound);
  return p * __builtin_bit_cast(float, (exponent + 127) << 23);
}

POLARIS_INLINE float sigmoid(float x) { return 1.0F / (1.0F + exp(-x)); }
POLARIS_INLINE float silu(float x) { return x * sigmoid(x); }
/// d silu(x) / dx
POLARIS_INLINE float silu_slope(float x) {
  const float s = sigmoid(x);
  return s * (1.0F + x * (1.0F - s));
}

}  // namespace polaris::kernels
