#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>

#include "nn/internal/norm.h"
#include "nn/internal/rope.h"
#include "nn/internal/weight.h"

namespace polaris::nn {

/// Columns of the projection in front of attention:
///
///   H times [d query | d gate] (no gate without has_gate) | Hkv times d key | Hkv times d value
struct AttentionLayout {
  std::int64_t heads = 0;     ///< H
  std::int64_t kv_heads = 0;  ///< Hkv, divides H
  std::int64_t head_dim = 0;  ///< d
  bool has_gate = false;

  std::int64_t query_columns() const { return heads * head_dim * (has_gate ? 2 : 1); }
  std::int64_t columns() const { return query_columns() + 2 * kv_heads * head_dim; }
};

/// Norms over each head of the queries and the keys, [d] each.
struct HeadNorms {
  Weight query, key;
  NormStyle style;
};

struct AttentionInputs {
  at::Tensor q;     ///< [T, H, d] float32 (float64), normalised and rotated
  at::Tensor k;     ///< [T, Hkv, d] likewise
  at::Tensor v;     ///< [T, Hkv, d] float32 (float64)
  at::Tensor gate;  ///< [T, H, d] of the projection's type, before the sigmoid; undefined without
};

/// Everything between the projection and attention: norm of every head, rounded to the
/// projection's type, then rotation of its first dimensions (specs/qwen3_5.md 3.3),
///
///   a' = a cos - b sin,   b' = b cos + a sin   for (a, b) = dimensions (i, i + rotary_dims / 2)
///
/// Types and devices as in nn/internal/norm.h; backward writes one gradient of the projection.
/// @param projection  [T, layout.columns()]; rows may lie apart
AttentionInputs attention_inputs(const at::Tensor& projection, const AttentionLayout& layout,
                                 const std::optional<HeadNorms>& norms, const RopeTables& rope);

/// The definition: plain ATen operations.
namespace composite {
AttentionInputs attention_inputs(const at::Tensor& projection, const AttentionLayout& layout,
                                 const std::optional<HeadNorms>& norms, const RopeTables& rope);
}  // namespace composite

}  // namespace polaris::nn
