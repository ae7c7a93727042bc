// A whole gated DeltaNet layer against double-precision numbers made from the plain recurrence by
// another program (tests/golden/gdn/README.md).
#include <ATen/ops/cat.h>
#include <ATen/ops/zeros_like.h>
#include <c10/core/GradMode.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <cmath>

#include "nn/internal/delta_inputs.h"
#include "nn/internal/delta_plan.h"
#include "nn/internal/delta_rule.h"
#include "nn/internal/golden_testing.h"
#include "nn/internal/linear.h"
#include "nn/internal/norm.h"

namespace polaris::nn {
namespace {

const LinearAttentionConfig kShape = {
    .key_heads = 1, .value_heads = 2, .key_head_dim = 8, .value_head_dim = 8, .conv_kernel = 4};

/// The layer with its weights in one type.
struct Layer {
  explicit Layer(at::ScalarType type)
      : golden(golden_folder("gdn") / "gdn_layer_T70.safetensors"),
        in(weight(at::cat({golden["w_qkv"], golden["w_z"], golden["w_b"], golden["w_a"]}), type)),
        inputs{.conv = weight(golden["conv_w"].unsqueeze(1), type),
               .a_log = weight(golden["A_log"], type),
               .dt_bias = weight(golden["dt_bias"], type)},
        norm(weight(golden["norm_w"], type)),
        out(weight(golden["w_out"], type)) {}

  static Weight weight(const at::Tensor& values, at::ScalarType type) {
    const at::Tensor value = values.to(type).contiguous();
    return {.value = value, .gradient = at::zeros_like(value)};
  }

  struct State {
    at::Tensor conv, state;
  };

  /// Tokens x [n, 20] of one sequence that is at `state`, which moves on if it is given.
  at::Tensor run(const at::Tensor& x, State* state = nullptr) const {
    const std::vector<std::int64_t> lengths = {x.size(0)};
    const PackedSequences sequences(lengths);
    const DeltaPlan plan(sequences, at::kCPU);
    const at::Tensor projection = linear(x, in);
    const at::Tensor conv = state != nullptr ? state->conv : at::Tensor();
    const DeltaInputs parts = delta_inputs(projection, inputs, kShape, sequences, conv);
    const DeltaOutput rule = delta_rule({.q = parts.q,
                                         .k = parts.k,
                                         .v = parts.v,
                                         .g = parts.g,
                                         .beta = parts.beta,
                                         .h0 = state != nullptr ? state->state : at::Tensor()},
                                        plan, 1.0 / std::sqrt(8.0));
    if (state != nullptr)
      *state = {conv_state_after(projection, kShape, sequences, conv), rule.final_state};
    return linear(gated_rms_norm(rule.o, parts.z, norm, 1e-6), out);
  }

  GoldenFile golden;
  Weight in;
  DeltaInputWeights inputs;
  Weight norm, out;
};

struct Tolerance {
  at::ScalarType type;
  double tolerance;
};
class DeltaLayer : public testing::TestWithParam<Tolerance> {};

TEST_P(DeltaLayer, OutputAndEveryGradientAreTheGoldenOnes) {
  const auto& [type, tolerance] = GetParam();
  const Layer layer(type);
  const at::Tensor x = layer.golden["x"].to(type).requires_grad_(true);
  const at::Tensor y = layer.run(x);
  EXPECT_LT(relative_difference(y.detach(), layer.golden["y"]), tolerance);
  torch::autograd::backward({y}, {layer.golden["dy"].to(type)});
  EXPECT_LT(relative_difference(x.grad(), layer.golden["dx"]), tolerance);
  const at::Tensor d_in = at::cat({layer.golden["d_w_qkv"], layer.golden["d_w_z"],
                                   layer.golden["d_w_b"], layer.golden["d_w_a"]});
  EXPECT_LT(relative_difference(layer.in.gradient, d_in), tolerance);
  EXPECT_LT(relative_difference(layer.inputs.conv.gradient.squeeze(1), layer.golden["d_conv_w"]),
            tolerance);
  // Sums over all tokens of terms that nearly cancel.
  EXPECT_LT(relative_difference(layer.inputs.a_log.gradient, layer.golden["d_A_log"]),
            20 * tolerance);
  EXPECT_LT(relative_difference(layer.inputs.dt_bias.gradient, layer.golden["d_dt_bias"]),
            20 * tolerance);
  EXPECT_LT(relative_difference(layer.norm.gradient, layer.golden["d_norm_w"]), tolerance);
  EXPECT_LT(relative_difference(layer.out.gradient, layer.golden["d_w_out"]), tolerance);
}

TEST_P(DeltaLayer, GoesOnFromItsCachesTokenByToken) {
  const auto& [type, tolerance] = GetParam();
  const Layer layer(type);
  const c10::NoGradGuard no_graph;
  const at::Tensor x = layer.golden["x"].to(type);
  Layer::State state;
  const at::Tensor first = layer.run(x.narrow(0, 0, 66), &state);
  EXPECT_LT(relative_difference(first, layer.golden["y"].narrow(0, 0, 66)), tolerance);
  EXPECT_LT(relative_difference(state.conv[0], layer.golden["conv_state_66"]), tolerance);
  EXPECT_LT(relative_difference(state.state[0], layer.golden["state_66"]), tolerance);
  for (std::int64_t t = 66; t < 70; ++t)
    EXPECT_LT(relative_difference(layer.run(x.narrow(0, t, 1), &state),
                                  layer.golden["y"].narrow(0, t, 1)),
              tolerance)
        << t;
  EXPECT_LT(relative_difference(state.conv[0], layer.golden["conv_state_70"]), tolerance);
  EXPECT_LT(relative_difference(state.state[0], layer.golden["state_70"]), tolerance);
}

INSTANTIATE_TEST_SUITE_P(Types, DeltaLayer,
                         testing::Values(Tolerance{at::kDouble, 1e-10},
                                         Tolerance{at::kFloat, 5e-6}),
                         [](const auto& info) { return std::string(toString(info.param.type)); });

}  // namespace
}  // namespace polaris::nn
