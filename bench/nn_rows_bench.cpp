// Nanoseconds per element of the decoder's row operations, one thread.
//
//   nn_rows_bench                        # POLARIS_ISA=avx2 nn_rows_bench: narrower kernels
//
// Names: operation/shape/type/forward or both directions. Elements are those of the activations
// read: the input of a norm, [gate | up], the projection.
#include <ATen/Parallel.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/randn_like.h>
#include <ATen/ops/zeros.h>
#include <benchmark/benchmark.h>
#include <torch/csrc/autograd/autograd.h>

#include <functional>
#include <string>
#include <vector>

#include "nn/internal/attention_inputs.h"
#include "nn/internal/delta_inputs.h"
#include "nn/internal/gates.h"
#include "nn/internal/norm.h"

namespace polaris::nn {
namespace {

/// The parts of a model that matter here.
struct Shape {
  std::string name;
  std::int64_t tokens, hidden, intermediate;
  AttentionLayout attention;
  std::int64_t rotary_dims;
  LinearAttentionConfig linear;
};

const Shape kShapes[] = {{.name = "small",
                          .tokens = 2048,
                          .hidden = 128,
                          .intermediate = 384,
                          .attention = {4, 2, 32, true},
                          .rotary_dims = 8,
                          .linear = {2, 4, 32, 32, 4}},
                         {.name = "9b",
                          .tokens = 256,
                          .hidden = 4096,
                          .intermediate = 12288,
                          .attention = {16, 4, 256, true},
                          .rotary_dims = 64,
                          .linear = {16, 32, 128, 128, 4}}};

using Tensors = std::vector<at::Tensor>;

/// An operation as a function of the tensors that it is differentiated by.
struct Operation {
  Tensors inputs;
  std::int64_t elements;
  std::function<Tensors(const Tensors&)> run;
};

Weight vector(std::int64_t size) {
  return {.value = at::randn({size}).mul(0.1), .gradient = at::zeros({size})};
}

Operation norm(const Shape& s, at::ScalarType type) {
  const at::Tensor x = at::randn({s.tokens, s.hidden}).to(type);
  return {{x}, x.numel(), [weight = vector(s.hidden)](const Tensors& in) -> Tensors {
            return {rms_norm(in[0], weight, {.zero_centred = true})};
          }};
}

Operation add_norm(const Shape& s, at::ScalarType type) {
  const at::Tensor x = at::randn({s.tokens, s.hidden}).to(type);
  return {{x, at::randn_like(x)}, x.numel(), [weight = vector(s.hidden)](const Tensors& in) {
            const NormedSum out = add_rms_norm(in[0], in[1], weight, {.zero_centred = true});
            return Tensors{out.sum, out.normed};
          }};
}

Operation gated_norm(const Shape& s, at::ScalarType type) {
  const at::Tensor o = at::randn({s.tokens, s.linear.value_heads, s.linear.value_head_dim});
  return {{o, at::randn_like(o).to(type)},
          o.numel(),
          [weight = vector(s.linear.value_head_dim)](const Tensors& in) -> Tensors {
            return {gated_rms_norm(in[0], in[1], weight, 1e-6)};
          }};
}

Operation mlp(const Shape& s, at::ScalarType type) {
  const at::Tensor x = at::randn({s.tokens, 2 * s.intermediate}).to(type);
  return {{x}, x.numel(), [](const Tensors& in) -> Tensors { return {silu_mul(in[0])}; }};
}

Operation gate(const Shape& s, at::ScalarType type) {
  const at::Tensor o = at::randn({s.tokens, s.attention.heads, s.attention.head_dim});
  return {{o, at::randn_like(o).to(type)}, o.numel(), [type](const Tensors& in) -> Tensors {
            return {gate_attention(in[0], in[1], type)};
          }};
}

Operation attention(const Shape& s, at::ScalarType type) {
  const at::Tensor x = at::randn({s.tokens, s.attention.columns()}).to(type);
  const HeadNorms norms{.query = vector(s.attention.head_dim),
                        .key = vector(s.attention.head_dim),
                        .style = {.zero_centred = true}};
  const RopeTables rope =
      rope_tables({.theta = 1e7, .rotary_dims = s.rotary_dims}, at::arange(s.tokens, at::kLong));
  return {{x}, x.numel(), [norms, rope, layout = s.attention](const Tensors& in) -> Tensors {
            const AttentionInputs out = attention_inputs(in[0], layout, norms, rope);
            return {out.q, out.k, out.v, out.gate};
          }};
}

Operation delta(const Shape& s, at::ScalarType type) {
  const LinearAttentionConfig& config = s.linear;
  const at::Tensor x =
      at::randn({s.tokens, config.conv_dim() + config.value_dim() + 2 * config.value_heads})
          .to(type);
  const std::vector<std::int64_t> conv = {config.conv_dim(), 1, config.conv_kernel};
  const DeltaInputWeights weights{.conv = {.value = at::randn(conv), .gradient = at::zeros(conv)},
                                  .a_log = vector(config.value_heads),
                                  .dt_bias = vector(config.value_heads)};
  const PackedSequences sequences(std::vector<std::int64_t>{s.tokens / 2, s.tokens / 2});
  return {{x}, x.numel(), [weights, config, sequences](const Tensors& in) -> Tensors {
            const DeltaInputs out = delta_inputs(in[0], weights, config, sequences);
            return {out.q, out.k, out.v, out.g, out.beta, out.z};
          }};
}

void measure(benchmark::State& state, const Operation& operation, bool backward) {
  at::set_num_threads(1);
  Tensors inputs;
  for (const at::Tensor& input : operation.inputs)
    inputs.push_back(input.detach().requires_grad_(backward));
  Tensors upstream;
  for (const at::Tensor& result : operation.run(inputs)) upstream.push_back(at::randn_like(result));
  for (auto _ : state) {
    const Tensors results = operation.run(inputs);
    if (backward) torch::autograd::grad(results, inputs, upstream);
  }
  state.counters["ns/element"] = benchmark::Counter(
      1e-9 * static_cast<double>(operation.elements),
      benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

using Maker = Operation (*)(const Shape&, at::ScalarType);
const std::pair<const char*, Maker> kMakers[] = {
    {"rms_norm", norm},     {"add_rms_norm", add_norm}, {"gated_rms_norm", gated_norm},
    {"silu_mul", mlp},      {"gate_attention", gate},   {"attention_inputs", attention},
    {"delta_inputs", delta}};

const bool kRegistered = [] {
  for (const auto& [operation, make] : kMakers) {
    for (const Shape& shape : kShapes) {
      for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
        for (const bool backward : {false, true}) {
          const std::string name = std::string(operation) + "/" + shape.name +
                                   (type == at::kFloat ? "/f32" : "/bf16") +
                                   (backward ? "/both" : "/forward");
          benchmark::RegisterBenchmark(name.c_str(), [maker = make, &shape, type,
                                                      backward](benchmark::State& state) {
            measure(state, maker(shape, type), backward);
          })->Unit(benchmark::kMicrosecond);
        }
      }
    }
  }
  return true;
}();

}  // namespace
}  // namespace polaris::nn
