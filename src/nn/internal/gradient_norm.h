#pragma once

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <span>
#include <vector>

namespace polaris::nn {

/// How large a gradient is, before clipping.
struct GradientNorm {
  double norm = 0;                      ///< sqrt of the sum over all elements of g^2
  std::vector<double> sums_of_squares;  ///< one per tensor; they add up over ranks
  std::vector<std::size_t> not_finite;  ///< which tensors hold an infinity or a NaN, ascending
};

/// Sums are in double, over fixed blocks added in a fixed order: the same bits for any number of
/// threads, on every CPU and GPU. On a GPU there is one wait for all tensors.
///
/// @param gradients  float32 or float64, contiguous, on one device
GradientNorm gradient_norm(std::span<const at::Tensor> gradients);

/// From the sums of squares of all tensors, added in their order.
GradientNorm norm_of(std::vector<double> sums_of_squares);

}  // namespace polaris::nn
