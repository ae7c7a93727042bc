#include "nn/kernels/logit_kernels.h"

#include "nn/kernels/lanes.h"

namespace polaris::kernels::POLARIS_ISA {
namespace {

constexpr int kVectors = 4;  // at a time
constexpr std::int64_t kStep = kVectors * kWidth;
/// Logits whose exponentials are added in float before they join a sum in double; they stay in the
/// nearest cache between the search for their maximum and that.
constexpr std::int64_t kRun = 1024;
static_assert(kRun % kStep == 0);

constexpr float kInfinity = __builtin_inff();

POLARIS_INLINE std::int64_t smaller(std::int64_t a, std::int64_t b) { return a < b ? a : b; }

POLARIS_INLINE Lanes filled(float value) { return value - Lanes{}; }

/// 2^x for x <= 0 within 1e-7 of its value, as good as nothing below -126. NaN for NaN.
POLARIS_INLINE Lanes exp2_of(Lanes x) {
  // Adding 1.5 * 2^23 rounds x to a whole number n in the low bits of a float.
  constexpr float kRound = 12582912.0F;
  const Lanes lowest = filled(-126.0F);
  x = lowest > x ? lowest : x;
  const Lanes shifted = x + kRound;
  const Lanes f = x - (shifted - kRound);
  // Interpolates (2^f - 1) / f at the Chebyshev points of [-1/2, 1/2]; 5e-9 off at most.
  Lanes p = filled(1.54531630e-4F);
  p = p * f + 1.33908634e-3F;
  p = p * f + 9.61808256e-3F;
  p = p * f + 5.55035711e-2F;
  p = p * f + 2.40226508e-1F;
  p = p * f + 6.93147188e-1F;
  p = p * f + 1.0F;
  return (Lanes)((IntLanes)p + ((IntLanes)shifted << 23));
}

/// A NaN is passed over, unless it is the first.
POLARIS_INLINE float largest(const float* x, std::int64_t count) {
  Lanes maxima[kVectors];
  std::int64_t i = 0;
  float max = x[0];
  if (count >= kStep) {
    for (int v = 0; v < kVectors; ++v) maxima[v] = filled(max);
    for (; i + kStep <= count; i += kStep) {
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v)
        maxima[v] = larger(load_lanes(x + i + v * kWidth), maxima[v]);
    }
    const Lanes all = larger(larger(maxima[0], maxima[1]), larger(maxima[2], maxima[3]));
    for (int j = 0; j < kWidth; ++j) max = all[j] > max ? all[j] : max;
  }
  for (; i < count; ++i) max = x[i] > max ? x[i] : max;
  return max;
}

/// Sum of 2^((x - max) * scale)
POLARIS_INLINE float run_sum(const float* x, std::int64_t count, float max, float scale) {
  Lanes sums[kVectors] = {};
  std::int64_t i = 0;
  for (; i + kStep <= count; i += kStep) {
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v)
      sums[v] += exp2_of((load_lanes(x + i + v * kWidth) - max) * scale);
  }
  for (; i < count; i += kWidth) {
    Lanes rest = filled(-kInfinity);
    for (std::int64_t j = 0; j < smaller(kWidth, count - i); ++j) rest[j] = x[i + j];
    sums[0] += exp2_of((rest - max) * scale);
  }
  const Lanes all = (sums[0] + sums[1]) + (sums[2] + sums[3]);
  float sum = 0;
  for (int j = 0; j < kWidth; ++j) sum += all[j];
  return sum;
}

LogitSum sum(const float* logits, std::int64_t width, float inverse_temperature) {
  constexpr float kLog2E = 1.44269504F;
  const float scale = inverse_temperature * kLog2E;
  LogitSum row{-kInfinity, 0.0};
  for (std::int64_t begin = 0; begin < width; begin += kRun) {
    const std::int64_t count = smaller(kRun, width - begin);
    const float max = largest(logits + begin, count);
    if (max == -kInfinity) continue;
    if (!(max <= row.max)) {
      if (row.sum > 0) row.sum *= exp((row.max - max) * inverse_temperature);
      row.max = max;
    }
    row.sum += run_sum(logits + begin, count, row.max, scale);
  }
  return row;
}

std::int64_t next_above(const float* logits, std::int64_t begin, std::int64_t end,
                        float threshold) {
  std::int64_t i = begin;
  for (; i + kStep <= end; i += kStep) {
    IntLanes above = {};
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) above |= load_lanes(logits + i + v * kWidth) > threshold;
    if (any(above)) break;
  }
  while (i < end && !(logits[i] > threshold)) ++i;
  return i;
}

}  // namespace

LogitKernels logit_kernels() { return {sum, next_above}; }

}  // namespace polaris::kernels::POLARIS_ISA
