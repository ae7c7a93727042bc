#pragma once

#include <ATen/core/Tensor.h>

#include <memory>

namespace polaris::nn {

struct Lora;

/// A parameter as an operation sees it. Gradients do not travel through autograd's engine: an
/// operation adds its weight's share to `gradient` itself, in the arena's own type, and hands the
/// engine the gradient of its input only.
struct Weight {
  /// Matrices in the compute type; vectors and the convolution always in float32 (float64 where
  /// all is), because they enter float32 arithmetic.
  at::Tensor value;
  /// Same shape, float32 (float64 where all is), a view into the gradient arena: the operation
  /// adds. Undefined: the weight is frozen, or nobody trains.
  at::Tensor gradient;
  /// What is added to a matrix while it is frozen (lora.h); null: nothing.
  std::shared_ptr<const Lora> lora = nullptr;
};

}  // namespace polaris::nn
