#pragma once

#include <cstdint>

#include "nn/kernels/isa.h"

namespace polaris::kernels {

/// What one new token attends to with the `group` query heads that share a key head.
struct DecodeAttention {
  std::int64_t group, head_dim;
  std::int64_t keys;
  std::int64_t key_stride;    ///< elements from one key, or value, to the next
  std::int64_t score_stride;  ///< elements from one head's scores to the next
};

struct DecodeAttentionKernels {
  /// scores[h, t] = q[h] . keys[t]
  void (*score)(const DecodeAttention& shape, const float* q, const float* keys, float* scores);

  /// o[h] = factors[h] * sum over t of weights[h, t] values[t]
  void (*sum_values)(const DecodeAttention& shape, const float* weights, const float* factors,
                     const float* values, float* o);
};

POLARIS_DECLARE_KERNELS(DecodeAttentionKernels, decode_attention_kernels)

}  // namespace polaris::kernels
