#pragma once

#include "nn/internal/weight.h"

namespace polaris::nn {

/// y = x W^T, differentiable in x; backward adds dy^T x to the weight's gradient.
///
/// @param x       [T, in] of the weight's type
/// @param weight  [out, in]
/// @return        [T, out]
at::Tensor linear(const at::Tensor& x, const Weight& weight);

}  // namespace polaris::nn
