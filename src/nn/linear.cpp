#include "nn/internal/linear.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <torch/csrc/autograd/custom_function.h>

#include "nn/internal/gemm.h"

namespace polaris::nn {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Variable;
using torch::autograd::variable_list;

struct Linear : torch::autograd::Function<Linear> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const Weight& weight) {
    context->saved_data["x"] = x;
    context->saved_data["weight"] = weight.value;
    context->saved_data["gradient"] = weight.gradient;
    const at::Tensor y = at::empty({x.size(0), weight.value.size(0)}, x.options());
    gemm_nt(y, x, weight.value);
    return y;
  }

  static variable_list backward(AutogradContext* context, const variable_list& upstream) {
    const at::Tensor dy = upstream[0].contiguous();
    const at::Tensor x = context->saved_data["x"].toTensor();
    if (const at::Tensor gradient = context->saved_data["gradient"].toTensor(); gradient.defined())
      gemm_tn(gradient, dy, x, /*accumulate=*/true);
    const at::Tensor dx = at::empty_like(x);
    gemm_nn(dx, dy, context->saved_data["weight"].toTensor());
    return {dx, Variable()};
  }
};

}  // namespace

at::Tensor linear(const at::Tensor& x, const Weight& weight) { return Linear::apply(x, weight); }

}  // namespace polaris::nn
