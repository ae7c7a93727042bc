#pragma once

#include <cstdint>

#include "nn/kernels/isa.h"

namespace polaris::kernels {

/// y = x W^T for few rows of x: each element is one sum over k in ascending order, in one
/// accumulator, whatever rows and columns are computed together. So a row's bits depend on nothing
/// but the row and W.
///
/// W [columns, k] is read from a packed copy: panels of `panel` columns, each [k, panel].
struct RowProductKernels {
  std::int64_t panel;

  /// Panels [begin, end) of the packed copy; columns beyond the last are zeros.
  void (*pack)(const float* weight, std::int64_t columns, std::int64_t k, float* packed,
               std::int64_t begin, std::int64_t end);

  /// The columns of panels [begin, end) of y [rows, columns]; x is [rows, k]. No gaps in either.
  void (*multiply)(const float* x, std::int64_t rows, std::int64_t k, const float* packed, float* y,
                   std::int64_t columns, std::int64_t begin, std::int64_t end);
};

POLARIS_DECLARE_KERNELS(RowProductKernels, row_product_kernels)

}  // namespace polaris::kernels
