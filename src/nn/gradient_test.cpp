// Gradients of whole models: against transformers' autograd, against finite differences, and
// against themselves where two ways must give the same bits.
#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros_like.h>
#include <c10/core/GradMode.h>
#include <gtest/gtest.h>

#include <random>

#include "nn/internal/golden_testing.h"
#include "nn/internal/gradient_pass.h"
#include "nn/internal/model.h"
#include "nn/internal/run_blocks.h"
#include "nn/internal/trunk.h"

namespace polaris::nn {
namespace {

/// Sequences of these lengths with every token but the first scored.
PackedTargets random_pack(const ModelConfig& config, std::span<const std::int64_t> lengths) {
  std::mt19937 random(3);
  PackedTargets pack;
  for (const std::int64_t length : lengths) {
    std::vector<TokenId> tokens(static_cast<std::size_t>(length) + 1);
    for (TokenId& token : tokens) token = static_cast<TokenId>(random() % config.vocab_size);
    pack.add(std::span(tokens).first(1), std::span(tokens).subspan(1));
  }
  return pack;
}

/// loss = sum of slope[i] logprob[i]: any direction in the space of log-probabilities.
struct LinearLoss {
  std::vector<float> slopes;

  static LinearLoss random(std::size_t count) {
    std::mt19937 generator(4);
    std::normal_distribution<float> normal;
    LinearLoss loss;
    for (std::size_t i = 0; i < count; ++i) loss.slopes.push_back(normal(generator));
    return loss;
  }
  LossGradient gradient() const {
    return [this](std::int64_t first, std::span<const float> logprobs, std::span<float> out) {
      std::copy_n(slopes.begin() + first, logprobs.size(), out.begin());
    };
  }
  double value(const HeadScores& scores) const {
    double sum = 0;
    for (std::size_t i = 0; i < slopes.size(); ++i) sum += slopes[i] * double{scores.logprobs[i]};
    return sum;
  }
};

struct Pass {
  at::Tensor gradient;  ///< the whole arena
  HeadScores scores;
};

Pass run(Model& model, const PackedTargets& pack, const LinearLoss& loss, bool recompute) {
  model.store.zero_gradient();
  Trunk trunk(model.decoder, recompute);
  HeadScores scores = gradient_pass(model.decoder, trunk, pack, 1.0, loss.gradient());
  return {model.store.gradient({0, model.store.layout().size()}).clone(), std::move(scores)};
}

void compare_gradient_of_mean_loss(at::Device device) {
  Model model(golden_folder("qwen3_5_tiny"), {.device = device, .gradients = true});
  const GoldenFile expected(golden_folder("qwen3_5_tiny") / "golden.safetensors");
  const at::Tensor ids = expected["input_ids"];
  PackedTargets pack;
  for (std::int64_t row = 0; row < ids.size(0); ++row) {
    const auto* data = ids[row].const_data_ptr<std::int64_t>();
    const std::vector<TokenId> tokens(data, data + ids.size(1));
    pack.add(std::span(tokens).first(1), std::span(tokens).subspan(1));
  }
  const float share = -1.0F / static_cast<float>(pack.targets.size());
  const LinearLoss loss{std::vector<float>(pack.targets.size(), share)};
  const Pass pass = run(model, pack, loss, /*recompute=*/true);
  // On a GPU the delta rule's products are TF32.
  const double of_loss = device.is_cpu() ? 1e-5 : 1e-3, tolerance = device.is_cpu() ? 2e-4 : 2e-2;
  EXPECT_NEAR(loss.value(pass.scores), expected["loss"].item<double>(), of_loss);
  int compared = 0;
  for (const Parameter& parameter : model.store.layout().parameters()) {
    const at::Tensor gradient = model.store.weight(parameter.name).gradient;
    const std::string name = model.folder.names().in_file(parameter.name);
    EXPECT_LT(relative_difference(gradient, expected["grad." + name]), tolerance) << name;
    ++compared;
  }
  EXPECT_EQ(compared, 56);
}

TEST(Gradient, OfTheMeanLossIsTransformersForEveryParameter) {
  compare_gradient_of_mean_loss(at::kCPU);
}

TEST(Gradient, OnAGpuIsTransformersForEveryParameter) {
  if (!at::hasCUDA()) GTEST_SKIP() << "no CUDA device";
  compare_gradient_of_mean_loss(at::kCUDA);
}

class ModelGradient : public testing::TestWithParam<std::string> {};

TEST_P(ModelGradient, InDoubleIsTheSlopeOfTheLoss) {
  const at::ScalarType real = at::kDouble;
  Model model(golden_folder(GetParam()), {.compute = real, .gradients = true});
  const std::vector<std::int64_t> lengths = {70, 3, 1};
  const PackedTargets pack = random_pack(model.config(), lengths);
  const LinearLoss loss = LinearLoss::random(pack.targets.size());
  const Pass pass = run(model, pack, loss, true);

  // One random direction per parameter. Every token of the pack predicts a target.
  const at::Tensor slopes = at::tensor(loss.slopes).to(real);
  const at::Tensor targets = at::tensor(pack.targets, at::kLong);
  const auto value = [&] {
    const c10::NoGradGuard no_graph;
    const PackedBatch batch(model.config(), pack.tokens, pack.lengths, at::kCPU);
    const at::Tensor x = model.decoder.final_norm(model.decoder.hidden(batch));
    const at::Tensor logprobs = x.matmul(model.decoder.head().value.t()).log_softmax(-1);
    return slopes.dot(logprobs.gather(1, targets.unsqueeze(1)).squeeze(1)).item<double>();
  };
  at::manual_seed(7);
  constexpr double kStep = 1e-5;
  for (const Parameter& parameter : model.store.layout().parameters()) {
    at::Tensor weights = model.store.weights(parameter.range);
    const at::Tensor before = weights.clone();
    at::Tensor direction = at::randn({parameter.range.count}, weights.options());
    direction /= direction.norm();
    weights.copy_(before + kStep * direction);
    const double above = value();
    weights.copy_(before - kStep * direction);
    const double below = value();
    weights.copy_(before);
    const double slope = pass.gradient.narrow(0, parameter.range.begin, parameter.range.count)
                             .dot(direction)
                             .item<double>();
    EXPECT_NEAR((above - below) / (2 * kStep), slope, 2e-6 * (1 + std::abs(slope)))
        << parameter.name;
  }
}

TEST_P(ModelGradient, InFloatIsTheOneInDouble) {
  Model fast(golden_folder(GetParam()), {.gradients = true});
  Model exact(golden_folder(GetParam()), {.compute = at::kDouble, .gradients = true});
  const std::vector<std::int64_t> lengths = {130, 64, 2};
  const PackedTargets pack = random_pack(fast.config(), lengths);
  const LinearLoss loss = LinearLoss::random(pack.targets.size());
  run(fast, pack, loss, false);
  run(exact, pack, loss, false);
  for (const Parameter& parameter : fast.store.layout().parameters())
    EXPECT_LT(relative_difference(fast.store.weight(parameter.name).gradient,
                                  exact.store.weight(parameter.name).gradient),
              2e-4)
        << parameter.name;
}

/// What the CPU's kernels compute and what `there` does, with the form for a GPU on the CPU if that
/// is the CPU: |difference| / |gradient|, and the same bits each time.
double difference_by_form(const std::string& folder, at::ScalarType compute, at::Device there) {
  Model model(golden_folder(folder), {.compute = compute, .gradients = true});
  Model other(golden_folder(folder), {.device = there, .compute = compute, .gradients = true});
  const std::vector<std::int64_t> lengths = {130, 64, 2};
  const PackedTargets pack = random_pack(model.config(), lengths);
  const LinearLoss loss = LinearLoss::random(pack.targets.size());
  const Pass expected = run(model, pack, loss, true);
  const GpuKernelsOnCpu gpu_kernels;
  const Pass actual = run(other, pack, loss, true), again = run(other, pack, loss, true);
  EXPECT_TRUE(actual.gradient.equal(again.gradient)) << compute;
  EXPECT_EQ(actual.scores.logprobs, again.scores.logprobs) << compute;
  return relative_difference(actual.gradient, expected.gradient);
}

TEST_P(ModelGradient, ByKernelsForAGpuIsTheOneOfTheCpu) {
  EXPECT_LT(difference_by_form(GetParam(), at::kFloat, at::kCPU), 1e-4);
  EXPECT_LT(difference_by_form(GetParam(), at::kBFloat16, at::kCPU), 0.05);
}

TEST_P(ModelGradient, OnAGpuIsTheOneOfTheCpu) {
  if (!at::hasCUDA()) GTEST_SKIP() << "no CUDA device";
  EXPECT_LT(difference_by_form(GetParam(), at::kFloat, at::kCUDA), 5e-3);
  EXPECT_LT(difference_by_form(GetParam(), at::kBFloat16, at::kCUDA), 0.1);
}

TEST_P(ModelGradient, RecomputingLayersChangesNoBit) {
  for (const at::ScalarType compute : {at::kFloat, at::kBFloat16}) {
    Model model(golden_folder(GetParam()), {.compute = compute, .gradients = true});
    const std::vector<std::int64_t> lengths = {90, 40};
    const PackedTargets pack = random_pack(model.config(), lengths);
    const LinearLoss loss = LinearLoss::random(pack.targets.size());
    const Pass recomputed = run(model, pack, loss, true);
    const Pass kept = run(model, pack, loss, false);
    EXPECT_TRUE(recomputed.gradient.equal(kept.gradient)) << compute;
    EXPECT_EQ(recomputed.scores.logprobs, kept.scores.logprobs);
    EXPECT_GT(kept.gradient.abs().max().item<double>(), 0.0);
  }
}

TEST_P(ModelGradient, DoesNotDependOnTheNumberOfThreads) {
  const int before = at::get_num_threads();
  for (const at::ScalarType compute : {at::kFloat, at::kBFloat16}) {
    Model model(golden_folder(GetParam()), {.compute = compute, .gradients = true});
    const std::vector<std::int64_t> lengths = {300, 220, 77};
    const PackedTargets pack = random_pack(model.config(), lengths);
    const LinearLoss loss = LinearLoss::random(pack.targets.size());
    at::set_num_threads(1);
    const Pass one = run(model, pack, loss, true);
    at::set_num_threads(2);
    const Pass two = run(model, pack, loss, true);
    EXPECT_TRUE(one.gradient.equal(two.gradient)) << compute;
    EXPECT_EQ(one.scores.logprobs, two.scores.logprobs) << compute;
  }
  at::set_num_threads(before);
}

TEST_P(ModelGradient, PackedSequencesAddUpToThoseAlone) {
  Model model(golden_folder(GetParam()), {.gradients = true});
  const std::vector<std::int64_t> lengths = {65, 20, 1};
  const PackedTargets all = random_pack(model.config(), lengths);
  const LinearLoss loss = LinearLoss::random(all.targets.size());
  const at::Tensor packed = run(model, all, loss, true).gradient;

  at::Tensor sum = at::zeros_like(packed);
  std::size_t token = 0, target = 0;
  for (const std::int64_t length : lengths) {
    const auto count = static_cast<std::size_t>(length);
    PackedTargets alone{.tokens = {all.tokens.begin() + token, all.tokens.begin() + token + count},
                        .lengths = {length}};
    LinearLoss share;
    for (std::size_t i = 0; i < count; ++i, ++target) {
      alone.positions.push_back(static_cast<std::int64_t>(i));
      alone.targets.push_back(all.targets[target]);
      share.slopes.push_back(loss.slopes[target]);
    }
    token += count;
    sum += run(model, alone, share, true).gradient;
  }
  EXPECT_LT(relative_difference(packed, sum), 2e-6);
}

INSTANTIATE_TEST_SUITE_P(Models, ModelGradient,
                         testing::Values("qwen3_5_tiny", "qwen3_5_tiny_tied", "qwen3_5_tiny_gva3",
                                         "llama3_tiny", "qwen3_tiny", "mistral_tiny"),
                         [](const auto& info) { return info.param; });

TEST(Gradient, InBfloat16StaysNearFloat32) {
  Model exact(golden_folder("qwen3_5_tiny"), {.gradients = true});
  Model half(golden_folder("qwen3_5_tiny"), {.compute = at::kBFloat16, .gradients = true});
  const std::vector<std::int64_t> lengths = {130, 64};
  const PackedTargets pack = random_pack(exact.config(), lengths);
  const LinearLoss loss = LinearLoss::random(pack.targets.size());
  const at::Tensor expected = run(exact, pack, loss, true).gradient;
  const at::Tensor actual = run(half, pack, loss, true).gradient;
  EXPECT_LT(((actual - expected).norm() / expected.norm()).item<double>(), 0.25);
}

TEST(Trunk, CallsItsHooksAroundEveryLayer) {
  Model model(golden_folder("qwen3_tiny"), {.gradients = true});
  std::string calls;
  const auto note = [&](const char* what) {
    return [&calls, what](std::size_t layer) { calls += what + std::to_string(layer) + " "; };
  };
  Trunk trunk(model.decoder, true,
              {.before_forward = note("f"),
               .after_forward = note("F"),
               .before_backward = note("b"),
               .after_backward = note("B")});
  const std::vector<std::int64_t> lengths = {5};
  const PackedTargets pack = random_pack(model.config(), lengths);
  const LinearLoss loss = LinearLoss::random(pack.targets.size());
  gradient_pass(model.decoder, trunk, pack, 1.0, loss.gradient());
  EXPECT_EQ(calls, "f0 F0 f1 F1 f2 F2 b2 B2 b1 B1 b0 B0 ");
}

}  // namespace
}  // namespace polaris::nn
