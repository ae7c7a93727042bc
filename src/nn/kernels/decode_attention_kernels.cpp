#include "nn/kernels/decode_attention_kernels.h"

#include "nn/kernels/lanes.h"

namespace polaris::kernels::POLARIS_ISA {
namespace {

/// The first `count` of kWidth floats, and zeros.
POLARIS_INLINE Lanes load_some(const float* from, std::int64_t count) {
  float whole[kWidth] = {};
  for (std::int64_t i = 0; i < count && i < kWidth; ++i) whole[i] = from[i];
  return load_lanes(whole);
}

/// a0 + a1, a2 + a3, .., b0 + b1, b2 + b3, ..
POLARIS_INLINE Lanes add_pairs(const Lanes& a, const Lanes& b) {
  IntLanes even = {};
  for (int i = 0; i < kWidth; ++i) even[i] = 2 * i;
  return __builtin_shuffle(a, b, even) + __builtin_shuffle(a, b, even + 1);
}

/// Element t of the result is the sum of part t.
POLARIS_INLINE Lanes totals(Lanes (&parts)[kWidth]) {
#pragma GCC unroll 4
  for (int count = kWidth / 2; count > 0; count /= 2) {
#pragma GCC unroll 8
    for (int t = 0; t < count; ++t) parts[t] = add_pairs(parts[2 * t], parts[2 * t + 1]);
  }
  return parts[0];
}

/// Scores of kWidth keys, of `vectors` whole vectors each.
POLARIS_INLINE void score_block(const float* q, std::int64_t vectors, const float* keys,
                                std::int64_t stride, float* scores) {
  Lanes parts[kWidth] = {};  // of each key's score
  for (std::int64_t i = 0; i < vectors * kWidth; i += kWidth) {
    const Lanes query = load_lanes(q + i);
#pragma GCC unroll 16
    for (int t = 0; t < kWidth; ++t) parts[t] += query * load_lanes(keys + t * stride + i);
  }
  store_lanes(scores, totals(parts));
}

/// The same for fewer keys, or for keys that end within a vector: no key or element that is not
/// there is read. A key's score does not depend on which of the two made it.
void score_rest(const float* q, std::int64_t head_dim, const float* keys, std::int64_t stride,
                std::int64_t count, float* scores) {
  Lanes parts[kWidth] = {};
  for (std::int64_t i = 0; i < head_dim; i += kWidth) {
    const Lanes query = load_some(q + i, head_dim - i);
    for (std::int64_t t = 0; t < count; ++t)
      parts[t] += query * load_some(keys + t * stride + i, head_dim - i);
  }
  const Lanes all = totals(parts);
  for (std::int64_t t = 0; t < count; ++t) scores[t] = all[t];
}

void score(const DecodeAttention& shape, const float* q, const float* keys, float* scores) {
  const bool has_whole_vectors = shape.head_dim % kWidth == 0;
  for (std::int64_t t = 0; t < shape.keys; t += kWidth) {
    const std::int64_t count = shape.keys - t < kWidth ? shape.keys - t : kWidth;
    const float* key = keys + t * shape.key_stride;
    for (std::int64_t h = 0; h < shape.group; ++h) {
      const float* query = q + h * shape.head_dim;
      float* to = scores + h * shape.score_stride + t;
      if (has_whole_vectors && count == kWidth) {
        score_block(query, shape.head_dim / kWidth, key, shape.key_stride, to);
      } else {
        score_rest(query, shape.head_dim, key, shape.key_stride, count, to);
      }
    }
  }
}

constexpr int kSums = 4;  // that terms are added to by turns

/// kVectors * kWidth columns of one head.
template <int kVectors>
POLARIS_INLINE void sum_columns(const DecodeAttention& shape, const float* weights, float factor,
                                const float* values, float* o) {
  Lanes sums[kSums][kVectors] = {};
  std::int64_t t = 0;
  for (; t + kSums <= shape.keys; t += kSums) {
#pragma GCC unroll 4
    for (int s = 0; s < kSums; ++s) {
#pragma GCC unroll 2
      for (int v = 0; v < kVectors; ++v)
        sums[s][v] += weights[t + s] * load_lanes(values + (t + s) * shape.key_stride + v * kWidth);
    }
  }
  for (; t < shape.keys; ++t) {
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v)
      sums[0][v] += weights[t] * load_lanes(values + t * shape.key_stride + v * kWidth);
  }
#pragma GCC unroll 2
  for (int v = 0; v < kVectors; ++v)
    store_lanes(o + v * kWidth, factor * ((sums[0][v] + sums[1][v]) + (sums[2][v] + sums[3][v])));
}

void sum_values(const DecodeAttention& shape, const float* weights, const float* factors,
                const float* values, float* o) {
  for (std::int64_t h = 0; h < shape.group; ++h) {
    const float* of_head = weights + h * shape.score_stride;
    float* out = o + h * shape.head_dim;
    std::int64_t i = 0;
    for (; i + 2 * kWidth <= shape.head_dim; i += 2 * kWidth)
      sum_columns<2>(shape, of_head, factors[h], values + i, out + i);
    for (; i + kWidth <= shape.head_dim; i += kWidth)
      sum_columns<1>(shape, of_head, factors[h], values + i, out + i);
    for (; i < shape.head_dim; ++i) {
      float sum = 0;
      for (std::int64_t t = 0; t < shape.keys; ++t)
        sum += of_head[t] * values[t * shape.key_stride + i];
      out[i] = factors[h] * sum;
    }
  }
}

}  // namespace

DecodeAttentionKernels decode_attention_kernels() { return {score, sum_values}; }

}  // namespace polaris::kernels::POLARIS_ISA
