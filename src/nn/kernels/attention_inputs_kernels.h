#pragma once

#include <cstdint>

#include "nn/kernels/isa.h"
#include "nn/kernels/norm_rows.h"

namespace polaris::kernels {

/// Columns of the projection and what happens to its heads; nn/internal/attention_inputs.h.
struct HeadLayout {
  std::int64_t heads, kv_heads, head_dim;
  bool has_gate;
  std::int64_t rotary_dims;
  bool has_norms;
  Norm query_norm, key_norm;  ///< if has_norms
  const float* cos;           ///< [rows, rotary_dims / 2]
  const float* sin;           ///< likewise
};

/// Tensors of one type per token and head: [rows, heads or kv_heads, head_dim].
template <class Wide, class T>
struct HeadTensors {
  Wide *q, *k, *v;
  T* gate;  ///< null without gates
};

template <class T>
struct AttentionInputsKernels {
  /// Rows [begin, end).
  /// @param stride  elements from one row of the projection to the next
  void (*forward)(const HeadLayout& layout, const T* projection, std::int64_t stride,
                  const HeadTensors<float, T>& out, std::int64_t begin, std::int64_t end);

  /// @param dprojection  [rows, columns], rows without gaps
  /// @param dweights     [2, head_dim] of the query and the key norm, added to; null without norms
  /// @param scratch      [head_dim]
  void (*backward)(const HeadLayout& layout, const T* projection, std::int64_t stride,
                   const HeadTensors<const float, const T>& upstream, T* dprojection,
                   float* dweights, float* scratch, std::int64_t begin, std::int64_t end);
};

using AttentionInputsTables = ForBothTypes<AttentionInputsKernels>;
POLARIS_DECLARE_KERNELS(AttentionInputsTables, attention_inputs_kernels)

}  // namespace polaris::kernels
