// What holds for every operation on rows, for each of them on awkward sizes.
#include "nn/internal/row_ops.h"

#include <ATen/Context.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/rand.h>
#include <c10/core/GradMode.h>
#include <gtest/gtest.h>

#include "nn/internal/attention_inputs.h"
#include "nn/internal/delta_inputs.h"
#include "nn/internal/gates.h"
#include "nn/internal/norm.h"
#include "nn/internal/row_testing.h"
#include "nn/kernels/isa.h"

namespace polaris::nn {
namespace {

at::Tensor normal(at::IntArrayRef shape) { return at::randn(shape, at::kDouble); }
/// Weights that are not far from 1.
at::Tensor scale(std::int64_t size) { return 1.0 + 0.3 * normal({size}); }

Operation rms_norm_case(const std::string& name, bool zero_centred) {
  const NormStyle style{.eps = 1e-3, .zero_centred = zero_centred};
  return {.name = name,
          .inputs = {{normal({200, 103})}},
          .weights = {scale(103)},
          .run = [=](auto& x, auto& w) { return Tensors{rms_norm(x[0], w[0], style)}; },
          .definition = [=](auto& x,
                            auto& w) { return Tensors{composite::rms_norm(x[0], w[0], style)}; }};
}

Operation add_rms_norm_case(const std::string& name, bool zero_centred) {
  const NormStyle style{.eps = 1e-6, .zero_centred = zero_centred};
  const auto list = [](const NormedSum& out) { return Tensors{out.sum, out.normed}; };
  return {
      .name = name,
      .inputs = {{normal({150, 128})}, {normal({150, 128})}},
      .weights = {scale(128)},
      .run = [=](auto& x, auto& w) { return list(add_rms_norm(x[0], x[1], w[0], style)); },
      .definition =
          [=](auto& x, auto& w) { return list(composite::add_rms_norm(x[0], x[1], w[0], style)); }};
}

Operation gated_rms_norm_case() {
  return {.name = "gated_rms_norm",
          .inputs = {{normal({300, 3, 24}), /*wide=*/true}, {normal({300, 3, 24})}},
          .weights = {scale(24)},
          .run = [](auto& x, auto& w) { return Tensors{gated_rms_norm(x[0], x[1], w[0], 1e-6)}; },
          .definition =
              [](auto& x, auto& w) {
                return Tensors{composite::gated_rms_norm(x[0], x[1], w[0], 1e-6)};
              }};
}

Operation silu_mul_case() {
  return {.name = "silu_mul",
          .inputs = {{4.0 * normal({250, 154})}},
          .run = [](auto& x, auto&) { return Tensors{silu_mul(x[0])}; },
          .definition = [](auto& x, auto&) { return Tensors{composite::silu_mul(x[0])}; }};
}

Operation gate_attention_case() {
  return {
      .name = "gate_attention",
      .inputs = {{normal({300, 3, 24}), /*wide=*/true}, {3.0 * normal({300, 3, 24})}},
      .run = [](auto& x, auto&) { return Tensors{gate_attention(x[0], x[1], x[1].scalar_type())}; },
      .definition =
          [](auto& x, auto&) {
            return Tensors{composite::gate_attention(x[0], x[1], x[1].scalar_type())};
          }};
}

Operation attention_inputs_case(const std::string& name, const AttentionLayout& layout,
                                std::optional<bool> zero_centred, std::int64_t rotary_dims) {
  const at::Tensor positions = at::arange(120, at::kLong);
  const RopeTables rope = rope_tables({.theta = 100.0, .rotary_dims = rotary_dims}, positions);
  const auto calling = [=](auto function) {
    return [=](auto& x, auto& w) {
      std::optional<HeadNorms> norms;
      if (zero_centred)
        norms = {.query = w[0], .key = w[1], .style = {.zero_centred = *zero_centred}};
      const at::Tensor projection = x[0].narrow(1, 3, layout.columns());  // rows lie apart
      const auto device = x[0].device();
      const AttentionInputs out =
          function(projection, layout, norms, RopeTables{rope.cos.to(device), rope.sin.to(device)});
      return layout.has_gate ? Tensors{out.q, out.k, out.v, out.gate}
                             : Tensors{out.q, out.k, out.v};
    };
  };
  const bool norms = zero_centred.has_value();
  return {.name = name,
          .inputs = {{normal({120, layout.columns() + 5})}},
          .weights = norms ? Tensors{scale(layout.head_dim), scale(layout.head_dim)} : Tensors{},
          .run = calling(attention_inputs),
          .definition = calling(composite::attention_inputs)};
}

Operation delta_inputs_case(const std::string& name, const LinearAttentionConfig& config,
                            bool continued) {
  const PackedSequences sequences(std::vector<std::int64_t>{70, 1, 2, 130, 3, 64});
  const std::int64_t columns = config.conv_dim() + config.value_dim() + 2 * config.value_heads;
  const at::Tensor state =
      normal({sequences.count(), config.conv_kernel - 1, config.conv_dim()}).to(at::kBFloat16);
  const auto calling = [=](auto function) {
    return [=](auto& x, auto& w) {
      const DeltaInputs out =
          function(x[0].narrow(1, 2, columns), {w[0], w[1], w[2]}, config, sequences,
                   continued ? state.to(x[0].options()) : at::Tensor());
      return Tensors{out.q, out.k, out.v, out.g, out.beta, out.z};
    };
  };
  return {.name = name,
          .inputs = {{normal({sequences.tokens(), columns + 3})}},
          .weights = {normal({config.conv_dim(), 1, config.conv_kernel}),
                      normal({config.value_heads}), normal({config.value_heads})},
          .run = calling(delta_inputs),
          .definition = calling(composite::delta_inputs)};
}

std::vector<Operation> operations() {
  at::manual_seed(5);
  const AttentionLayout gated{.heads = 4, .kv_heads = 2, .head_dim = 24, .has_gate = true};
  const AttentionLayout plain{.heads = 3, .kv_heads = 1, .head_dim = 18, .has_gate = false};
  const LinearAttentionConfig four{
      .key_heads = 2, .value_heads = 4, .key_head_dim = 24, .value_head_dim = 20, .conv_kernel = 4};
  LinearAttentionConfig three = four;
  three.conv_kernel = 3;
  return {rms_norm_case("rms_norm_zero_centred", true),
          rms_norm_case("rms_norm_plain", false),
          add_rms_norm_case("add_rms_norm_zero_centred", true),
          add_rms_norm_case("add_rms_norm_plain", false),
          gated_rms_norm_case(),
          silu_mul_case(),
          gate_attention_case(),
          attention_inputs_case("attention_inputs_qwen3_5", gated, true, 8),
          attention_inputs_case("attention_inputs_qwen3", plain, false, 18),
          attention_inputs_case("attention_inputs_llama", plain, {}, 18),
          delta_inputs_case("delta_inputs", four, false),
          delta_inputs_case("delta_inputs_continued", four, true),
          delta_inputs_case("delta_inputs_three_taps", three, true)};
}

class RowOperation : public testing::TestWithParam<Operation> {
 protected:
  const Operation& operation() const { return GetParam(); }
};

// Of each result and gradient, relative to its norm: rounding of a few operations.
constexpr double kFloatTolerance = 1e-6;
constexpr double kBfloat16Tolerance = 4e-3;

TEST_P(RowOperation, DefinitionHasTheGradientsOfFiniteDifferences) {
  const Outcome outcome = evaluate(operation().definition, operation(), {});
  // One random direction per tensor; `tensor` is one of changed's.
  const auto check = [&](const Operation& changed, const at::Tensor& tensor,
                         const at::Tensor& gradient) {
    constexpr double kStep = 1e-5;
    at::manual_seed(9);
    const at::Tensor random = normal(tensor.sizes());
    const at::Tensor direction = random / random.norm();
    at::Tensor values = tensor;  // shares storage
    values += kStep * direction;
    const double above = objective(operation().definition, changed);
    values -= 2 * kStep * direction;
    const double below = objective(operation().definition, changed);
    const double expected = (above - below) / (2 * kStep);
    const double actual = (gradient * direction).sum().item<double>();
    EXPECT_NEAR(actual, expected, 1e-6 * gradient.norm().item<double>());
    EXPECT_GT(gradient.norm().item<double>(), 0.0);
  };
  for (std::size_t i = 0; i < operation().inputs.size(); ++i) {
    SCOPED_TRACE("input " + std::to_string(i));
    Operation changed = operation();
    changed.inputs[i].value = operation().inputs[i].value.clone();
    check(changed, changed.inputs[i].value, outcome.input_gradients[i]);
  }
  for (std::size_t i = 0; i < operation().weights.size(); ++i) {
    SCOPED_TRACE("weight " + std::to_string(i));
    Operation changed = operation();
    changed.weights[i] = operation().weights[i].clone();
    check(changed, changed.weights[i], outcome.weight_gradients[i]);
  }
}

/// Also that the same bits come again.
void expect_definition(const Operation& operation, at::Device device) {
  for (const auto& [type, tolerance] :
       {std::pair(at::kFloat, kFloatTolerance), {at::kBFloat16, kBfloat16Tolerance}}) {
    const Outcome expected = evaluate(operation.definition, operation, {at::kDouble, type});
    const Outcome actual = evaluate(operation.run, operation, {type, type}, device);
    EXPECT_LT(distance(actual, expected), tolerance) << type;
    for (const at::Tensor& gradient : actual.weight_gradients)
      EXPECT_EQ(gradient.scalar_type(), at::kFloat);
    const Tensors first = actual.all();
    const Tensors again = evaluate(operation.run, operation, {type, type}, device).all();
    for (std::size_t i = 0; i < again.size(); ++i) EXPECT_TRUE(again[i].equal(first[i])) << i;
  }
}

TEST_P(RowOperation, AgreesWithItsDefinitionInDouble) { expect_definition(operation(), at::kCPU); }

TEST_P(RowOperation, KernelsForAGpuAgreeWithItsDefinitionInDouble) {
  const GpuKernelsOnCpu gpu_kernels;
  expect_definition(operation(), at::kCPU);
}

TEST_P(RowOperation, AGpuAgreesWithItsDefinitionInDouble) {
  if (!at::hasCUDA()) GTEST_SKIP() << "no CUDA device";
  expect_definition(operation(), at::kCUDA);
}

// A rounding at another place would change more than the rare value next to a tie.
TEST_P(RowOperation, RoundsToBfloat16WhereItsDefinitionDoes) {
  const Types types{at::kBFloat16, at::kBFloat16};
  const Outcome expected = evaluate(operation().definition, operation(), types);
  const auto check = [&](const Outcome& actual) {
    for (std::size_t i = 0; i < actual.results.size(); ++i) {
      EXPECT_EQ(actual.results[i].scalar_type(), expected.results[i].scalar_type());
      if (actual.results[i].scalar_type() == at::kBFloat16) {
        const double equal =
            actual.results[i].eq(expected.results[i]).to(at::kDouble).mean().item<double>();
        EXPECT_GT(equal, 0.999) << "result " << i;
      } else {
        EXPECT_LT(distance(actual.results[i], expected.results[i]), 1e-4) << "result " << i;
      }
    }
  };
  check(evaluate(operation().run, operation(), types));
  const GpuKernelsOnCpu gpu_kernels;
  check(evaluate(operation().run, operation(), types));
}

TEST_P(RowOperation, DoesNotDependOnTheNumberOfThreads) {
  const int before = at::get_num_threads();
  for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
    at::set_num_threads(1);
    const Tensors one = evaluate(operation().run, operation(), {type, type}).all();
    at::set_num_threads(3);
    const Tensors three = evaluate(operation().run, operation(), {type, type}).all();
    for (std::size_t i = 0; i < one.size(); ++i) EXPECT_TRUE(one[i].equal(three[i])) << i;
  }
  at::set_num_threads(before);
}

TEST_P(RowOperation, EveryInstructionSetAgrees) {
  for (const auto& [type, tolerance] :
       {std::pair(at::kFloat, kFloatTolerance), {at::kBFloat16, kBfloat16Tolerance}}) {
    const Outcome widest = evaluate(operation().run, operation(), {type, type});
    for (const kernels::Isa isa : {kernels::Isa::kPortable, kernels::Isa::kAvx2}) {
      const kernels::IsaLimit limit(isa);
      const Outcome narrower = evaluate(operation().run, operation(), {type, type});
      EXPECT_LT(distance(narrower, widest), tolerance) << type << " " << static_cast<int>(isa);
    }
  }
}

TEST_P(RowOperation, KeepsNothingWhereNoGradientIsWanted) {
  std::vector<Weight> weights;
  for (const at::Tensor& weight : operation().weights)
    weights.push_back({weight.to(at::kFloat), {}});
  Tensors inputs;
  for (const auto& input : operation().inputs)
    inputs.push_back(input.value.to(at::kFloat).requires_grad_());
  const c10::NoGradGuard no_graph;
  for (const at::Tensor& result : operation().run(inputs, weights))
    EXPECT_FALSE(result.requires_grad());
}

TEST_P(RowOperation, FrozenWeightsLeaveTheOtherGradientsAsTheyAre) {
  for (const at::ScalarType type : {at::kDouble, at::kFloat}) {
    const auto frozen = [&](const Tensors& inputs, std::vector<Weight> weights) {
      for (Weight& weight : weights) weight.gradient.reset();
      return operation().run(inputs, weights);
    };
    const Outcome trained = evaluate(operation().run, operation(), {type, type});
    const Outcome outcome = evaluate(frozen, operation(), {type, type});
    for (std::size_t i = 0; i < outcome.input_gradients.size(); ++i)
      EXPECT_TRUE(outcome.input_gradients[i].equal(trained.input_gradients[i]));
    for (const at::Tensor& gradient : outcome.weight_gradients)
      EXPECT_EQ(gradient.abs().max().item<double>(), 0.0);
  }
}

INSTANTIATE_TEST_SUITE_P(All, RowOperation, testing::ValuesIn(operations()),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace polaris::nn
