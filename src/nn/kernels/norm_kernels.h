#pragma once

#include <cstdint>

#include "nn/kernels/isa.h"
#include "nn/kernels/norm_rows.h"

namespace polaris::kernels {

/// Norms of rows [begin, end) of matrices [rows, norm.width]; formulas in nn/internal/norm.h.
template <class T>
struct NormKernels {
  /// y = norm(x)
  void (*forward)(const Norm& norm, const T* x, T* y, std::int64_t begin, std::int64_t end);

  /// sum = x + delta, y = norm(sum)
  void (*add_forward)(const Norm& norm, const T* x, const T* delta, T* sum, T* y,
                      std::int64_t begin, std::int64_t end);

  /// Backward of both, x being what was normalised: dx = dsum + share of dy.
  /// @param dsum     null: none
  /// @param dweight  [width], added to
  void (*backward)(const Norm& norm, const T* x, const T* dy, const T* dsum, T* dx, float* dweight,
                   std::int64_t begin, std::int64_t end);

  /// y = norm(o) silu(z), the norm's weight being plain
  void (*gated_forward)(const Norm& norm, const float* o, const T* z, T* y, std::int64_t begin,
                        std::int64_t end);

  /// @param dweight  [width], added to
  /// @param scratch  [width]
  void (*gated_backward)(const Norm& norm, const float* o, const T* z, const T* dy, float* d_o,
                         T* dz, float* dweight, float* scratch, std::int64_t begin,
                         std::int64_t end);
};

using NormTables = ForBothTypes<NormKernels>;
POLARIS_DECLARE_KERNELS(NormTables, norm_kernels)

}  // namespace polaris::kernels
