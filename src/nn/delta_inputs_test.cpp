#include "nn/internal/delta_inputs.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/randn.h>
#include <gtest/gtest.h>

#include <cmath>

#include "nn/internal/fused.h"
#include "nn/internal/golden_testing.h"
#include "nn/internal/norm.h"

namespace polaris::nn {
namespace {

Tensors list(const DeltaInputs& x) { return {x.q, x.k, x.v, x.g, x.beta, x.z}; }

/// The first layer of a tiny Qwen3.5 and what a float64 implementation has inside it.
class GoldenDelta : public testing::TestWithParam<at::ScalarType> {
 protected:
  static constexpr double kTolerance = 5e-6;  // float32 storage
  static constexpr LinearAttentionConfig kConfig{
      .key_heads = 2, .value_heads = 4, .key_head_dim = 16, .value_head_dim = 16, .conv_kernel = 4};

  at::Tensor weight(const std::string& name) const {
    return weights["model.layers.0." + name].to(at::kDouble);
  }
  /// In the type that is tested.
  Weight vector(const std::string& name) const { return {weight(name).to(GetParam()), {}}; }
  at::Tensor expected(const std::string& name) const { return golden["debug.layer0." + name]; }

  /// Of embedded tokens [T, hidden].
  at::Tensor projection(const at::Tensor& x) const {
    const at::Tensor normed = rms_norm(x.to(at::kDouble), {weight("input_layernorm.weight"), {}},
                                       {.eps = 1e-6, .zero_centred = true});
    const at::Tensor matrix =
        at::cat({weight("linear_attn.in_proj_qkv.weight"), weight("linear_attn.in_proj_z.weight"),
                 weight("linear_attn.in_proj_b.weight"), weight("linear_attn.in_proj_a.weight")});
    return at::linear(normed, matrix).to(GetParam());
  }

  GoldenFile golden{golden_folder("qwen3_5_tiny") / "golden.safetensors"};
  GoldenFile weights{golden_folder("qwen3_5_tiny") / "model.safetensors"};
};

TEST_P(GoldenDelta, InputsAreThoseOfTheReference) {
  const DeltaInputWeights own{.conv = vector("linear_attn.conv1d.weight"),
                              .a_log = vector("linear_attn.A_log"),
                              .dt_bias = vector("linear_attn.dt_bias")};
  const PackedSequences sequences(std::vector<std::int64_t>{37});
  const DeltaInputs out =
      delta_inputs(projection(golden["hidden.embed"][0]), own, kConfig, sequences);
  const at::Tensor values = expected("conv_out").narrow(1, kConfig.key_dim() * 2, 64);
  EXPECT_LT(max_difference(out.q / std::sqrt(16.0), expected("q_l2_scaled")), kTolerance);
  EXPECT_LT(max_difference(out.k, expected("k_l2")), kTolerance);
  EXPECT_LT(max_difference(out.v, expected("v")), kTolerance);
  EXPECT_LT(max_difference(out.v.flatten(1), values), kTolerance);
  EXPECT_LT(max_difference(out.g, expected("g")), kTolerance);
  EXPECT_LT(max_difference(out.beta, expected("beta")), kTolerance);
  EXPECT_LT(max_difference(out.z, expected("z")), kTolerance);
}

TEST_P(GoldenDelta, GatedNormIsThatOfTheReference) {
  const at::Tensor y =
      gated_rms_norm(expected("core_out").to(GetParam()), expected("z").to(GetParam()),
                     vector("linear_attn.norm.weight"), 1e-6);
  EXPECT_LT(max_difference(y, expected("gated_norm").flatten(1)), kTolerance);
}

TEST_P(GoldenDelta, StateBehindAPromptIsThatOfTheReference) {
  const at::Tensor prompt = golden["greedy.prompt"][0];
  const at::Tensor embedded = weights["model.embed_tokens.weight"].index_select(0, prompt);
  const PackedSequences sequences(std::vector<std::int64_t>{prompt.size(0)});
  const at::Tensor state = conv_state_after(projection(embedded), kConfig, sequences);
  // The reference keeps four columns, [channels, 4].
  const at::Tensor columns = golden["greedy.prefill_state.layer0.conv_state"][0];
  EXPECT_LT(max_difference(state[0], columns.narrow(1, 1, 3).t()), kTolerance);
}

INSTANTIATE_TEST_SUITE_P(Types, GoldenDelta, testing::Values(at::kDouble, at::kFloat),
                         [](const auto& info) {
                           return std::string(info.param == at::kDouble ? "Definition" : "Fused");
                         });

/// Random weights and rows.
class DeltaInputsOf : public testing::TestWithParam<at::ScalarType> {
 protected:
  DeltaInputsOf() {
    at::manual_seed(4);
    const auto vector_type = GetParam() == at::kDouble ? at::kDouble : at::kFloat;
    weights = {.conv = {at::randn({config.conv_dim(), 1, 4}, vector_type), {}},
               .a_log = {at::randn({3}, vector_type), {}},
               .dt_bias = {at::randn({3}, vector_type), {}}};
  }

  at::Tensor rows(std::int64_t count) const {
    return at::randn({count, config.conv_dim() + config.value_dim() + 6}).to(GetParam());
  }
  Tensors run(const at::Tensor& x, std::vector<std::int64_t> lengths,
              const at::Tensor& state = {}) const {
    return list(delta_inputs(x, weights, config, PackedSequences(lengths), state));
  }

  /// The same bits from kernels; ATen's vector code may round the last elements differently.
  static void expect_same(const at::Tensor& actual, const at::Tensor& expected) {
    if (GetParam() == at::kDouble) {
      EXPECT_LT(max_difference(actual, expected), 1e-14);
    } else {
      EXPECT_TRUE(actual.equal(expected));
    }
  }

  LinearAttentionConfig config{
      .key_heads = 1, .value_heads = 3, .key_head_dim = 24, .value_head_dim = 10, .conv_kernel = 4};
  DeltaInputWeights weights;
};

TEST_P(DeltaInputsOf, PackedSequencesAreThoseOfEachAlone) {
  const at::Tensor a = rows(66), b = rows(2), c = rows(5);
  const Tensors packed = run(at::cat({a, b, c}), {66, 2, 5});
  const Tensors alone[] = {run(a, {66}), run(b, {2}), run(c, {5})};
  for (std::size_t i = 0; i < packed.size(); ++i)
    expect_same(packed[i], at::cat({alone[0][i], alone[1][i], alone[2][i]}));
}

TEST_P(DeltaInputsOf, PiecesOfASequenceAreThoseOfTheWhole) {
  const std::int64_t first = 4, second = 5;  // two sequences, in pieces that may be short
  const at::Tensor x = rows(60), y = rows(90);
  const Tensors whole_x = run(x, {60}), whole_y = run(y, {90});
  at::Tensor state;
  std::int64_t from_x = 0, from_y = 0;
  for (const auto& [more_x, more_y] :
       {std::pair(first, second), {1, 2}, {2, 1}, {1, 1}, {52, 81}}) {
    const at::Tensor piece = at::cat({x.narrow(0, from_x, more_x), y.narrow(0, from_y, more_y)});
    const std::vector<std::int64_t> lengths = {more_x, more_y};
    const Tensors out = run(piece, lengths, state);
    for (std::size_t i = 0; i < out.size(); ++i) {
      SCOPED_TRACE(fmt::format("result {} at {}", i, from_x));
      expect_same(out[i], at::cat({whole_x[i].narrow(0, from_x, more_x),
                                   whole_y[i].narrow(0, from_y, more_y)}));
    }
    state = conv_state_after(piece, config, PackedSequences(lengths), state);
    from_x += more_x;
    from_y += more_y;
  }
  EXPECT_EQ(from_x, 60);
  EXPECT_EQ(from_y, 90);
}

TEST_P(DeltaInputsOf, AFarGateStaysFinite) {
  const at::Tensor x = rows(2);
  x.narrow(1, x.size(1) - 6, 6).fill_(1e4);  // b and a
  x.narrow(0, 1, 1).narrow(1, x.size(1) - 6, 6).fill_(-1e4);
  const Tensors out = run(x, {2});
  EXPECT_EQ(out[4][0].min().item<double>(), 1.0);
  EXPECT_LT(out[4][1].max().item<double>(), 1e-30);
  EXPECT_TRUE(out[3].isfinite().all().item<bool>());
  EXPECT_LT(max_difference(out[3][0], -weights.a_log.value.exp() * 1e4), 1e2);
  EXPECT_LT(out[3][1].abs().max().item<double>(), 1e-30);
}

TEST_P(DeltaInputsOf, RefusesAProjectionOrStateOfAnotherShape) {
  const at::Tensor x = rows(3);
  EXPECT_THROW(run(x, {4}), Error);
  EXPECT_THROW(run(x.narrow(1, 1, x.size(1) - 1), {3}), Error);
  EXPECT_THROW(run(x, {3}, at::randn({1, 4, config.conv_dim()}).to(GetParam())), Error);
}

INSTANTIATE_TEST_SUITE_P(Types, DeltaInputsOf,
                         testing::Values(at::kDouble, at::kFloat, at::kBFloat16),
                         [](const auto& info) { return at::toString(info.param) + std::string(); });

}  // namespace
}  // namespace polaris::nn
