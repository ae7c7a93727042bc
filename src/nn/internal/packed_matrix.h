#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "nn/decode_weights.h"
#include "nn/internal/weight.h"
#include "nn/kernels/row_product_kernels.h"

namespace polaris::nn {

/// The matrix that a decode step multiplies with.
at::Tensor packed_value(const Weight& weight);

/// A copy of a matrix W [columns, k] for products with few rows
/// (nn/kernels/row_product_kernels.h).
class PackedMatrix {
 public:
  PackedMatrix(const Weight& weight, WeightStorage storage);

  std::int64_t columns() const { return columns_; }
  std::int64_t bytes() const { return packed_.numel(); }

  /// y = x W^T; runs on one thread inside a parallel region.
  /// @param x  [rows, k], lost
  /// @param y  [rows, columns]
  void multiply(float* x, float* y, std::int64_t rows) const;

 private:
  template <class Work>
  void for_panels(std::int64_t count, const Work& work) const;

  kernels::RowProductKernels kernels_;
  std::int64_t columns_, k_;
  at::Tensor packed_;  // uint8
};

}  // namespace polaris::nn
