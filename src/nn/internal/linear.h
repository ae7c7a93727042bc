#pragma once

#include "nn/internal/weight.h"

namespace polaris::nn {

/// y = x W^T with the weight's adapters, differentiable in x; backward adds dy^T x to the weight's
/// gradient, and their share to those of the adapters.
///
/// @param x       [T, in] of the weight's type
/// @param weight  [out, in]
/// @return        [T, out]
at::Tensor linear(const at::Tensor& x, const Weight& weight);

/// The same into a given y, without a gradient.
void project(const at::Tensor& y, const at::Tensor& x, const Weight& weight);

}  // namespace polaris::nn
