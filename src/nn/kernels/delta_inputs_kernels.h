#pragma once

#include <cstdint>

#include "nn/kernels/isa.h"
#include "nn/kernels/row_sums.h"

namespace polaris::kernels {

/// Sizes and weights of nn/internal/delta_inputs.h.
struct DeltaLayout {
  std::int64_t key_heads, value_heads, key_dim, value_dim;  ///< of one head
  std::int64_t taps;
  const float* conv;     ///< [taps, channels], the last one for the current token
  const float* a_log;    ///< [value_heads]
  const float* dt_bias;  ///< [value_heads]
};

POLARIS_INLINE std::int64_t key_columns(const DeltaLayout& layout) {
  return layout.key_heads * layout.key_dim;
}
POLARIS_INLINE std::int64_t value_columns(const DeltaLayout& layout) {
  return layout.value_heads * layout.value_dim;
}
/// Columns that go through the convolution.
POLARIS_INLINE std::int64_t channels(const DeltaLayout& layout) {
  return 2 * key_columns(layout) + value_columns(layout);
}
POLARIS_INLINE std::int64_t columns(const DeltaLayout& layout) {
  return channels(layout) + value_columns(layout) + 2 * layout.value_heads;
}

/// Some rows of one sequence.
template <class T>
struct DeltaRows {
  std::int64_t begin, end;     ///< the rows
  std::int64_t first, behind;  ///< where the sequence begins and ends
  const T* history;            ///< [taps - 1, channels] rows before it, oldest first
};

/// Tensors [rows, heads of the kind, dim of the kind]; g and beta [rows, value_heads].
template <class Wide, class T>
struct DeltaTensors {
  Wide *q, *k, *v, *g, *beta;
  T* z;
};

/// Sums over rows, added to.
struct DeltaWeightGradients {
  float* conv;     ///< [taps, channels]
  float* a_log;    ///< [value_heads]
  float* dt_bias;  ///< [value_heads]
};

template <class T>
struct DeltaInputsKernels {
  /// @param stride   elements from one row of the projection to the next
  /// @param scratch  [channels]
  void (*forward)(const DeltaLayout& layout, const T* projection, std::int64_t stride,
                  const DeltaRows<T>& rows, const DeltaTensors<float, T>& out, float* scratch);

  /// @param dprojection  [all rows, columns] without gaps; these rows are written
  /// @param scratch      [taps + 1, channels]
  void (*backward)(const DeltaLayout& layout, const T* projection, std::int64_t stride,
                   const DeltaRows<T>& rows, const DeltaTensors<const float, const T>& upstream,
                   T* dprojection, const DeltaWeightGradients& dweights, float* scratch);
};

using DeltaInputsTables = ForBothTypes<DeltaInputsKernels>;
POLARIS_DECLARE_KERNELS(DeltaInputsTables, delta_inputs_kernels)

}  // namespace polaris::kernels
