#include "nn/internal/linear.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>

#include "nn/internal/fused.h"
#include "nn/internal/gemm.h"

namespace polaris::nn {

at::Tensor linear(const at::Tensor& x, const Weight& weight) {
  const at::Tensor input = x.detach();
  const at::Tensor y = at::empty({x.size(0), weight.value.size(0)}, input.options());
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

}  // namespace polaris::nn
