#pragma once

#include <ATen/TensorOperators.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/randn.h>
#include <torch/csrc/autograd/autograd.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "nn/internal/delta_rule.h"

namespace polaris::nn {

/// What the tests of the delta rule share. Header of test files only.
struct DeltaCase {
  std::vector<std::int64_t> lengths;
  std::int64_t key_heads, value_heads, key_size, value_size;

  PackedSequences sequences() const { return PackedSequences(lengths); }
};

/// Random operands, in double: q and k of length 1, g down to -`decay`.
inline DeltaOperands random_operands(const DeltaCase& c, double decay = 1.0) {
  const std::int64_t tokens = c.sequences().tokens();
  const auto sequences = static_cast<std::int64_t>(c.lengths.size());
  const auto type = at::dtype(at::kDouble);
  const auto rows = [&] {
    const at::Tensor x = at::randn({tokens, c.key_heads, c.key_size}, type);
    return x / x.norm(2, {-1}, true);
  };
  return {.q = rows(),
          .k = rows(),
          .v = at::randn({tokens, c.value_heads, c.value_size}, type),
          .g = at::rand({tokens, c.value_heads}, type) * -decay,
          .beta = at::rand({tokens, c.value_heads}, type),
          .h0 = at::randn({sequences, c.value_heads, c.key_size, c.value_size}, type)};
}

template <class Function>
DeltaOperands mapped(const DeltaOperands& x, Function&& f) {
  const auto of = [&](const at::Tensor& t) { return t.defined() ? f(t) : t; };
  return {of(x.q), of(x.k), of(x.v), of(x.g), of(x.beta), of(x.h0)};
}
inline DeltaOperands as_type(const DeltaOperands& x, at::ScalarType type) {
  return mapped(x, [&](const at::Tensor& t) { return t.to(type); });
}

using DeltaCall = std::function<DeltaOutput(const DeltaOperands&)>;

struct DeltaResult {
  DeltaOutput output;
  DeltaOperands gradient;

  std::vector<std::pair<std::string, at::Tensor>> gradients() const {
    return {{"dq", gradient.q}, {"dk", gradient.k},       {"dv", gradient.v},
            {"dg", gradient.g}, {"dbeta", gradient.beta}, {"dh0", gradient.h0}};
  }
};

/// `call` and the gradient of sum(o * d.o) + sum(final_state * d.final_state); of d either may be
/// undefined.
inline DeltaResult run_with_gradient(const DeltaCall& call, const DeltaOperands& operands,
                                     const DeltaOutput& d) {
  const DeltaOperands x =
      mapped(operands, [](const at::Tensor& t) { return t.detach().requires_grad_(); });
  const DeltaOutput out = call(x);
  std::vector<at::Tensor> outputs, upstream;
  for (const auto& [output, gradient] : {std::pair(out.o, d.o), {out.final_state, d.final_state}}) {
    if (!gradient.defined()) continue;
    outputs.push_back(output);
    upstream.push_back(gradient.to(output.scalar_type()));
  }
  torch::autograd::backward(outputs, upstream);
  return {{out.o.detach(), out.final_state.detach()},
          mapped(x, [](const at::Tensor& t) { return t.grad(); })};
}

/// Random upstream gradients for both outputs of a case.
inline DeltaOutput random_upstream(const DeltaCase& c) {
  const DeltaOperands shapes = random_operands(c);
  return {at::randn(shapes.v.sizes(), shapes.v.options()),
          at::randn(shapes.h0.sizes(), shapes.v.options())};
}

/// ||a - b|| / ||b||, in double.
inline double norm_difference(const at::Tensor& a, const at::Tensor& b) {
  const at::Tensor x = a.to(at::kDouble);
  const at::Tensor y = b.to(at::kDouble);
  return (x - y).norm().item<double>() / y.norm().item<double>();
}

}  // namespace polaris::nn
