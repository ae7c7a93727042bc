#include "nn/kernels/softmax_kernels.h"

namespace polaris::kernels {
namespace {

/// Terms that are added in float before they join a sum in double.
constexpr std::int64_t kRun = 1024;

POLARIS_INLINE std::int64_t smaller(std::int64_t a, std::int64_t b) { return a < b ? a : b; }

POLARIS_INLINE float largest(const float* x, std::int64_t count) {
  float max = x[0];
#pragma omp simd reduction(max : max)
  for (std::int64_t i = 0; i < count; ++i) max = x[i] > max ? x[i] : max;
  return max;
}

LogitRow logit_row(float* logits, std::int64_t width, std::int64_t target,
                   float inverse_temperature, std::int64_t* top_id) {
  const float max = largest(logits, width);
  if (top_id != nullptr) {
    *top_id = 0;  // where nothing equals the largest: it is a NaN
    for (std::int64_t i = 0; i < width; ++i) {
      if (logits[i] != max) continue;
      *top_id = i;
      break;
    }
  }
  const float target_exponent = (logits[target] - max) * inverse_temperature;
  double sum = 0, weighted = 0;  // of e^x and of x e^x
  for (std::int64_t begin = 0; begin < width; begin += kRun) {
    const std::int64_t end = smaller(begin + kRun, width);
    float run_sum = 0, run_weighted = 0;
#pragma omp simd reduction(+ : run_sum, run_weighted)
    for (std::int64_t i = begin; i < end; ++i) {
      // Below -87 a term is as good as nothing, but not its product with a huge exponent.
      const float x = clamp((logits[i] - max) * inverse_temperature, -87.0F, 0.0F);
      const float e = exp(x);
      run_sum += e;
      run_weighted += x * e;
      logits[i] = e;
    }
    sum += run_sum;
    weighted += run_weighted;
  }
  const double log_sum = __builtin_log(sum);
  return {.logprob = static_cast<float>(target_exponent - log_sum),
          .entropy = static_cast<float>(log_sum - weighted / sum),
          .sum = static_cast<float>(sum),
          .max = max};
}

template <class T>
void logit_gradient(const float* row, T* dz, std::int64_t width, std::int64_t target, float sum,
                    float scale) {
  const float factor = -scale / sum;
  const float at_target = scale + row[target] * factor;
#pragma omp simd
  for (std::int64_t i = 0; i < width; ++i) store(dz[i], row[i] * factor);
  store(dz[target], at_target);
}

/// The columns [begin, end) that a query sees, and whole vectors around them. Loops run over the
/// vectors and leave out what is not seen, so that no row ends in a loop over single floats.
struct Columns {
  std::int32_t begin, end, low, high;
};

Columns columns(const AttentionTile& tile, std::int64_t t) {
  constexpr auto kWidth = static_cast<std::int32_t>(kTileWidth);
  const auto end = static_cast<std::int32_t>(tile.first_end + t);
  const auto begin = end > tile.window ? end - static_cast<std::int32_t>(tile.window) : 0;
  return {begin, end, begin / kWidth * kWidth, (end + kWidth - 1) / kWidth * kWidth};
}

/// x in a column that is seen, else `other`. Made of masks, which become vector code.
POLARIS_INLINE float if_seen(float x, std::int32_t i, const Columns& c, float other) {
  const std::int32_t mask =
      -static_cast<std::int32_t>(i >= c.begin) & -static_cast<std::int32_t>(i < c.end);
  return __builtin_bit_cast(float, (__builtin_bit_cast(std::int32_t, x) & mask) |
                                       (__builtin_bit_cast(std::int32_t, other) & ~mask));
}

void clear_outside(float* row, const Columns& c, std::int64_t keys) {
  for (std::int64_t i = 0; i < c.low; ++i) row[i] = 0;
  for (std::int64_t i = c.high; i < keys; ++i) row[i] = 0;
}

float attention_max(const float* scores, const Columns c) {
  float max = scores[c.begin];
#pragma omp simd reduction(max : max)
  for (std::int32_t i = c.low; i < c.high; ++i) {
    const float x = if_seen(scores[i], i, c, -__FLT_MAX__);
    max = x > max ? x : max;
  }
  return max;
}

/// @return the sum of what scores are replaced by
float attention_row(float* scores, const Columns c, float scale, float max) {
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (std::int32_t i = c.low; i < c.high; ++i) {
    const float e = if_seen(exp((scores[i] - max) * scale), i, c, 0.0F);
    sum += e;
    scores[i] = e;
  }
  return sum;
}

void attention_row_backward(float* p, float* ds, const Columns c, float scale, float logsumexp) {
  float mean = 0;  // of the upstream gradient, under p
#pragma omp simd reduction(+ : mean)
  for (std::int32_t i = c.low; i < c.high; ++i) {
    p[i] = if_seen(exp(p[i] * scale - logsumexp), i, c, 0.0F);
    mean += if_seen(p[i] * ds[i], i, c, 0.0F);
  }
#pragma omp simd
  for (std::int32_t i = c.low; i < c.high; ++i)
    ds[i] = if_seen(scale * p[i] * (ds[i] - mean), i, c, 0.0F);
}

void attention_tile(const AttentionTile& tile, float* scores, float* inverse_sums,
                    float* logsumexps) {
  for (std::int64_t r = 0; r < tile.queries * tile.group; ++r) {
    const Columns c = columns(tile, r / tile.group);
    float* row = scores + r * tile.stride;
    const float max = attention_max(row, c);
    const float sum = attention_row(row, c, tile.scale, max);
    clear_outside(row, c, tile.keys);
    inverse_sums[r] = 1.0F / sum;
    logsumexps[r] = max * tile.scale + __builtin_logf(sum);
  }
}

void attention_tile_backward(const AttentionTile& tile, float* scores, float* dp,
                             const float* logsumexps) {
  for (std::int64_t r = 0; r < tile.queries * tile.group; ++r) {
    const Columns c = columns(tile, r / tile.group);
    float* p = scores + r * tile.stride;
    float* ds = dp + r * tile.stride;
    attention_row_backward(p, ds, c, tile.scale, logsumexps[r]);
    clear_outside(p, c, tile.keys);
    clear_outside(ds, c, tile.keys);
  }
}

void scale_rows(float* x, std::int64_t rows, std::int64_t width, const float* factors) {
  for (std::int64_t r = 0; r < rows; ++r) {
    const float factor = factors[r];
    for (std::int64_t i = r * width; i < (r + 1) * width; ++i) x[i] *= factor;
  }
}

}  // namespace

namespace POLARIS_ISA {
SoftmaxKernels softmax_kernels() {
  return {logit_row,      logit_gradient<float>,   logit_gradient<Bf16>,
          attention_tile, attention_tile_backward, scale_rows};
}
}  // namespace POLARIS_ISA

}  // namespace polaris::kernels
