#pragma once

#include <cstddef>
#include <cstdint>

#include "nn/kernels/isa.h"

namespace polaris::kernels {

/// y = x W^T for few rows of x: each element is one sum over k in a fixed order, in one
/// accumulator, whatever rows and columns are computed together. So a row's bits depend on nothing
/// but the row and W.
///
/// W [columns, k] is read from a packed copy: panels of `panel` columns, k elements of each.
struct RowProductKernels {
  std::int64_t panel;

  std::int64_t (*panel_bytes)(std::int64_t k);

  /// Panels [begin, end) of the packed copy; columns beyond the last are zeros.
  void (*pack)(const float* weight, std::int64_t columns, std::int64_t k, std::byte* packed,
               std::int64_t begin, std::int64_t end);

  /// Makes x [rows, k] what multiply() reads, in the same memory. Null: that is x itself.
  void (*prepare)(float* x, std::int64_t rows, std::int64_t k);

  /// The columns of panels [begin, end) of y [rows, columns]; x is prepared. No gaps in either.
  void (*multiply)(const float* x, std::int64_t rows, std::int64_t k, const std::byte* packed,
                   float* y, std::int64_t columns, std::int64_t begin, std::int64_t end);
};

/// By how W is stored.
struct RowProducts {
  /// x W^T of float32.
  RowProductKernels f32;

  /// Both x and W rounded to bfloat16, as a bfloat16 product on any processor does; sums in
  /// float32. Products are exact and the order is that of the AVX-512 instruction (the odd one of
  /// two elements first), so every instruction set gives the same bits.
  RowProductKernels bf16;

  /// W rounded to 255 steps: column j is scale_j times integers in [-127, 127], with the largest
  /// magnitude at the end of the range. x stays float32.
  RowProductKernels int8;
};

POLARIS_DECLARE_KERNELS_UP_TO(avx512bf16, RowProducts, row_products)

}  // namespace polaris::kernels
