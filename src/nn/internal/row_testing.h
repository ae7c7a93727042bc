#pragma once

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/full_like.h>
#include <ATen/ops/randn.h>
#include <torch/csrc/autograd/autograd.h>

#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "nn/internal/fused.h"
#include "nn/internal/weight.h"

/// Running an operation on rows forward and backward in any type, for tests of its forms.
namespace polaris::nn {

using Run = std::function<Tensors(const Tensors& inputs, const std::vector<Weight>& weights)>;

/// An operation with values to try it on.
struct Operation {
  struct Input {
    at::Tensor value;   ///< float64
    bool wide = false;  ///< float32 where activations are bfloat16
  };
  std::string name;
  std::vector<Input> inputs;
  Tensors weights;  ///< float64
  Run run;          ///< the operation as everybody calls it
  Run definition;   ///< its composite form
};

struct Outcome {
  Tensors results, input_gradients, weight_gradients;

  Tensors all() const {
    Tensors tensors = results;
    tensors.insert(tensors.end(), input_gradients.begin(), input_gradients.end());
    tensors.insert(tensors.end(), weight_gradients.begin(), weight_gradients.end());
    return tensors;
  }
};

/// How to evaluate: activations are rounded to `values`, then held in `type`.
struct Types {
  at::ScalarType type = at::kDouble;
  at::ScalarType values = at::kDouble;
};

/// The gradient to start from at a result: the same numbers in every type.
inline at::Tensor upstream_of(const at::Tensor& result, std::size_t index) {
  at::manual_seed(100 + index);
  return at::randn(result.sizes(), at::kDouble).to(at::kBFloat16).to(result.options());
}

inline Outcome evaluate(const Run& run, const Operation& operation, Types types,
                        at::Device device = at::kCPU) {
  const auto wide = [](at::ScalarType t) { return t == at::kDouble ? at::kDouble : at::kFloat; };
  Tensors inputs;
  for (const auto& [value, is_wide] : operation.inputs) {
    const at::Tensor rounded = value.to(is_wide ? wide(types.values) : types.values);
    inputs.push_back(
        rounded.to(device, is_wide ? wide(types.type) : types.type).clone().requires_grad_());
  }
  constexpr double kBefore = 0.5;  // what the gradient holds already: an operation adds
  std::vector<Weight> weights;
  for (const at::Tensor& weight : operation.weights) {
    const at::Tensor value = weight.to(wide(types.values)).to(device, wide(types.type));
    weights.push_back({.value = value, .gradient = at::full_like(value, kBefore)});
  }
  Outcome outcome{.results = run(inputs, weights)};
  Tensors upstream;
  for (const at::Tensor& result : outcome.results)
    upstream.push_back(upstream_of(result, upstream.size()));
  torch::autograd::backward(outcome.results, upstream);
  for (const at::Tensor& input : inputs) outcome.input_gradients.push_back(input.grad());
  for (const Weight& weight : weights)
    outcome.weight_gradients.push_back(weight.gradient - kBefore);
  return outcome;
}

/// |actual - expected| / |expected|, Euclidean norms in double.
inline double distance(const at::Tensor& actual, const at::Tensor& expected) {
  const at::Tensor truth = expected.detach().cpu().to(at::kDouble);
  const at::Tensor difference = actual.detach().cpu().to(at::kDouble) - truth;
  return (difference.norm() / truth.norm()).item<double>();
}

/// The largest distance() of any pair.
inline double distance(const Outcome& actual, const Outcome& expected) {
  const Tensors a = actual.all(), b = expected.all();
  double worst = a.size() == b.size() ? 0.0 : INFINITY;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    const double d = distance(a[i], b[i]);
    worst = d > worst || std::isnan(d) ? d : worst;
  }
  return worst;
}

/// sum <upstream, result> with everything in double: what backward() differentiates.
inline double objective(const Run& run, const Operation& operation) {
  std::vector<Weight> weights;
  for (const at::Tensor& weight : operation.weights) weights.push_back({.value = weight});
  Tensors inputs;
  for (const auto& input : operation.inputs) inputs.push_back(input.value);
  double sum = 0.0;
  std::size_t index = 0;
  for (const at::Tensor& result : run(inputs, weights))
    sum += (result * upstream_of(result, index++)).sum().item<double>();
  return sum;
}

}  // namespace polaris::nn
