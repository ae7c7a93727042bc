/// A vector of floats as wide as the instruction set has, for kernels that must say themselves what
/// stays in registers.
#pragma once

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include <cstdint>

#include "nn/kernels/simd.h"

namespace polaris::kernels {

#if defined(__AVX512F__)
constexpr int kWidth = 16;
#elif defined(__AVX2__)
constexpr int kWidth = 8;
#else
constexpr int kWidth = 4;
#endif

using Lanes [[gnu::vector_size(kWidth * sizeof(float))]] = float;
using IntLanes [[gnu::vector_size(kWidth * sizeof(float))]] = std::int32_t;

template <class T = Lanes>
POLARIS_INLINE T load_lanes(const void* from) {
  T x;
  __builtin_memcpy(&x, from, sizeof x);
  return x;
}
POLARIS_INLINE void store_lanes(float* to, const Lanes& x) { __builtin_memcpy(to, &x, sizeof x); }

/// Whether an element of a comparison holds.
POLARIS_INLINE bool any(const IntLanes& mask) {
#if defined(__AVX512F__)
  return _mm512_test_epi32_mask((__m512i)mask, (__m512i)mask) != 0;
#elif defined(__AVX2__)
  return _mm256_movemask_ps((__m256)mask) != 0;
#elif defined(__x86_64__)
  return _mm_movemask_ps((__m128)mask) != 0;
#else
  std::int32_t all = 0;
  for (int i = 0; i < kWidth; ++i) all |= mask[i];
  return all != 0;
#endif
}

POLARIS_INLINE Lanes larger(const Lanes& a, const Lanes& b) { return a > b ? a : b; }

}  // namespace polaris::kernels
