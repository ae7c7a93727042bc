#include "nn/internal/linear.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>

#include "nn/internal/fused.h"
#include "nn/internal/gemm.h"
#include "nn/internal/lora.h"

namespace polaris::nn {

at::Tensor linear(const at::Tensor& x, const Weight& weight) {
  const at::Tensor input = x.detach();
  const at::Tensor y = at::empty({x.size(0), weight.value.size(0)}, input.options());
  if (weight.lora) {
    const at::Tensor low = lora_forward(y, input, weight);
    const Backward backward = [input, low, weight](const Tensors& gradients) -> Tensors {
      return {lora_backward(gradients[0].contiguous(), input, low, weight)};
    };
    return record({x}, {y}, backward)[0];
  }
  gemm_nt(y, input, weight.value);
  const Backward backward = [input, weight](const Tensors& gradients) -> Tensors {
    const at::Tensor dy = gradients[0].contiguous();
    if (weight.gradient.defined()) gemm_tn(weight.gradient, dy, input, /*accumulate=*/true);
    const at::Tensor dx = at::empty_like(input);
    gemm_nn(dx, dy, weight.value);
    return {dx};
  };
  return record({x}, {y}, backward)[0];
}

void project(const at::Tensor& y, const at::Tensor& x, const Weight& weight) {
  if (weight.lora) {
    lora_forward(y, x, weight);
  } else {
    gemm_nt(y, x, weight.value);
  }
}

}  // namespace polaris::nn
