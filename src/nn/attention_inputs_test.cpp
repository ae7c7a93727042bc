#include "nn/internal/attention_inputs.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/randn.h>
#include <gtest/gtest.h>

#include "nn/internal/gates.h"
#include "nn/internal/golden_testing.h"
#include "nn/internal/norm.h"

namespace polaris::nn {
namespace {

/// The full attention layer of a tiny Qwen3.5 and what a float64 implementation has inside it.
class GoldenAttention : public testing::TestWithParam<at::ScalarType> {
 protected:
  // The layer's input is known from a float32 run only, its inside from a float64 run.
  static constexpr double kTolerance = 5e-5;

  at::Tensor weight(const std::string& name) const {
    return weights_["model.layers.3." + name].to(at::kDouble);
  }
  at::Tensor expected(const std::string& name) const { return golden_["debug.layer3." + name]; }
  /// In the type that is tested.
  Weight norm_weight(const std::string& name) const { return {weight(name).to(GetParam()), {}}; }

  at::Tensor projection() const {
    const at::Tensor x = golden_["hidden.layer2"][0].to(at::kDouble);
    const at::Tensor normed = rms_norm(x, {weight("input_layernorm.weight"), {}}, style_);
    const at::Tensor matrix =
        at::cat({weight("self_attn.q_proj.weight"), weight("self_attn.k_proj.weight"),
                 weight("self_attn.v_proj.weight")});
    return at::linear(normed, matrix).to(GetParam());
  }

  NormStyle style_{.eps = 1e-6, .zero_centred = true};
  AttentionLayout layout_{.heads = 4, .kv_heads = 2, .head_dim = 32, .has_gate = true};

 private:
  GoldenFile golden_{golden_folder("qwen3_5_tiny") / "golden.safetensors"};
  GoldenFile weights_{golden_folder("qwen3_5_tiny") / "model.safetensors"};
};

TEST_P(GoldenAttention, InputsAreThoseOfTheReference) {
  const HeadNorms norms{.query = norm_weight("self_attn.q_norm.weight"),
                        .key = norm_weight("self_attn.k_norm.weight"),
                        .style = style_};
  const RopeTables rope = rope_tables({.theta = 1e4, .rotary_dims = 8}, at::arange(37, at::kLong));
  const AttentionInputs out = attention_inputs(projection(), layout_, norms, rope);
  EXPECT_LT(max_difference(out.q, expected("q_rope")), kTolerance);
  EXPECT_LT(max_difference(out.k, expected("k_rope")), kTolerance);
  EXPECT_LT(max_difference(out.v, expected("v")), kTolerance);
  EXPECT_LT(max_difference(out.gate, expected("gate")), kTolerance);
}

TEST_P(GoldenAttention, GatedOutputIsThatOfTheReference) {
  const at::Tensor gated = gate_attention(expected("attn_out").to(GetParam()),
                                          expected("gate").to(GetParam()), GetParam());
  EXPECT_LT(max_difference(gated, expected("gated").flatten(1)), kTolerance);
}

INSTANTIATE_TEST_SUITE_P(Types, GoldenAttention, testing::Values(at::kDouble, at::kFloat),
                         [](const auto& info) {
                           return std::string(info.param == at::kDouble ? "Definition" : "Fused");
                         });

TEST(AttentionInputs, RefusesAProjectionOfAnotherWidth) {
  const AttentionLayout layout{.heads = 2, .kv_heads = 1, .head_dim = 8, .has_gate = false};
  const RopeTables rope = rope_tables({.theta = 1e4, .rotary_dims = 8}, at::arange(3, at::kLong));
  EXPECT_THROW(attention_inputs(at::randn({3, layout.columns() + 1}), layout, {}, rope), Error);
  EXPECT_THROW(attention_inputs(at::randn({4, layout.columns()}), layout, {}, rope), Error);
}

TEST(GateAttention, WithoutAGateRoundsOnly) {
  const at::Tensor o = at::randn({3, 2, 5});
  EXPECT_TRUE(gate_attention(o, {}, at::kFloat).equal(o.flatten(1)));
  EXPECT_TRUE(gate_attention(o, {}, at::kBFloat16).equal(o.flatten(1).to(at::kBFloat16)));
}

}  // namespace
}  // namespace polaris::nn
