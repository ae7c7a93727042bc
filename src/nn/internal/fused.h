#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <vector>

namespace polaris::nn {

using Tensors = std::vector<at::Tensor>;

/// The backward of a fused operation: from the gradients of its results, contiguous, and zeros for
/// one that nothing depends on, to those of its inputs.
using Backward = std::function<Tensors(const Tensors& gradients)>;

/// Tells autograd how `results` came from `inputs`. The results must have been computed without it,
/// from detached inputs, and `backward` must hold neither inputs nor results but detached.
///
/// backward runs at most once, without recording, and is dropped with all that it holds behind
/// that, or at once if no gradient is wanted. Gradients of weights it adds itself (weight.h).
///
/// @return results, which now require grad if an input does
Tensors record(const Tensors& inputs, Tensors results, Backward backward);

}  // namespace polaris::nn
