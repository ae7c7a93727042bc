// Two layers of Qwen3.5-9B at their real widths, one linear and one full attention layer, with the
// real vocabulary: bfloat16 weights, float32 gradients, about 15 GB. Against double precision,
// which takes the layers again with all operations in their plain form, and the head tile by tile.
#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/logsumexp.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>
#include <c10/core/GradMode.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <fstream>
#include <memory>

#include "nn/internal/decoder.h"
#include "nn/internal/gradient_pass.h"

namespace polaris::nn {
namespace {

constexpr std::int64_t kTokens = 256;

ModelConfig two_layers_of_9b() {
  ModelConfig config{.architecture = Architecture::kQwen3_5,
                     .vocab_size = 248320,
                     .hidden_size = 4096,
                     .intermediate_size = 12288,
                     .layers = {LayerKind::kLinearAttention, LayerKind::kFullAttention},
                     .attention_heads = 16,
                     .key_value_heads = 4,
                     .head_dim = 256};
  config.linear_attention = {.key_heads = 16,
                             .value_heads = 32,
                             .key_head_dim = 128,
                             .value_head_dim = 128,
                             .conv_kernel = 4};
  config.rope = {.theta = 1e7, .rotary_dims = 64};
  config.rms_norm_eps = 1e-6;
  config.max_position_embeddings = 262144;
  return config;
}

/// kB that the machine could give without swapping.
std::int64_t available_kb() {
  std::ifstream file("/proc/meminfo");
  for (std::string name, unit; file >> name;) {
    std::int64_t value = 0;
    file >> value;
    std::getline(file, unit);
    if (name == "MemAvailable:") return value;
  }
  return 0;
}

/// Weights as at the start of training (specs/performance.md F).
void fill_at_random(ParameterStore& store) {
  for (const Parameter& parameter : store.layout().parameters()) {
    at::Tensor value = store.weight(parameter.name).value;
    if (parameter.name.ends_with("A_log")) {
      value.uniform_(0.01, 16).log_();
    } else if (parameter.name.ends_with("dt_bias")) {
      value.fill_(1.0);
    } else if (parameter.name.ends_with("linear_attn.norm.weight")) {
      value.normal_(1.0, 0.1);
    } else if (parameter.name.ends_with("conv1d.weight")) {
      value.uniform_(-0.5, 0.5);
    } else {
      value.normal_(0.0, parameter.is_matrix() ? 0.02 : 0.1);
    }
  }
}

double relative(const at::Tensor& actual, const at::Tensor& expected) {
  const at::Tensor difference = actual.to(at::kDouble) - expected;
  return (difference.norm() / expected.norm()).item<double>();
}

/// The head in double, for all rows, by tiles of the vocabulary.
struct DoubleHead {
  at::Tensor logprobs;  ///< [R]
  at::Tensor gradient;  ///< [R, hidden] of sum slope[i] logprob[i] by the hidden states
  at::Tensor probabilities_of(const at::Tensor& rows) const {  // of chosen ids, [R, n]
    return (hidden.matmul(rows.to(at::kDouble).t()) - lse.unsqueeze(1)).exp();
  }
  at::Tensor hidden, lse;
};

DoubleHead double_head(const at::Tensor& hidden, const at::Tensor& head, const at::Tensor& targets,
                       const at::Tensor& slopes) {
  constexpr std::int64_t kTile = 16384;
  std::vector<at::Tensor> sums;
  for (std::int64_t first = 0; first < head.size(0); first += kTile) {
    const at::Tensor rows = head.narrow(0, first, std::min(kTile, head.size(0) - first));
    sums.push_back(hidden.matmul(rows.to(at::kDouble).t()).logsumexp(-1));
  }
  DoubleHead result{.hidden = hidden, .lse = at::logsumexp(at::stack(sums), 0)};
  const at::Tensor chosen = head.index_select(0, targets).to(at::kDouble);
  result.logprobs = (hidden * chosen).sum(-1) - result.lse;
  result.gradient = slopes.unsqueeze(1) * chosen;
  for (std::int64_t first = 0; first < head.size(0); first += kTile) {
    const at::Tensor rows =
        head.narrow(0, first, std::min(kTile, head.size(0) - first)).to(at::kDouble);
    const at::Tensor p = (hidden.matmul(rows.t()) - result.lse.unsqueeze(1)).exp();
    result.gradient -= (slopes.unsqueeze(1) * p).matmul(rows);
  }
  return result;
}

TEST(RealShapes, TwoLayersOf9BAgreeWithDoublePrecision) {
  constexpr std::int64_t kNeeded = 18'000'000;  // kB
  if (available_kb() < kNeeded)
    GTEST_SKIP() << "needs 18 GB of free memory, there are " << available_kb() / 1'000'000;
  at::manual_seed(20261121);
  const ModelConfig config = two_layers_of_9b();
  auto store = std::make_unique<ParameterStore>(
      ParameterLayout(config), StoreOptions{.compute = at::kBFloat16, .gradients = true});
  fill_at_random(*store);
  auto decoder = std::make_unique<Decoder>(config, *store);

  // Two sequences; every token behind the first of each is scored.
  const at::Tensor ids = at::randint(config.vocab_size, {kTokens + 2}, at::kLong);
  const auto* id = ids.const_data_ptr<std::int64_t>();
  const std::vector<TokenId> tokens(id, id + ids.numel());
  PackedTargets pack;
  pack.add(std::span(tokens).subspan(0, 1), std::span(tokens).subspan(1, 100));
  pack.add(std::span(tokens).subspan(101, 1), std::span(tokens).subspan(102));
  ASSERT_EQ(pack.tokens.size(), static_cast<std::size_t>(kTokens));
  const at::Tensor slopes = at::randn({kTokens}, at::kDouble);
  const auto loss_gradient = [&](std::int64_t first, std::span<const float> logprobs,
                                 std::span<float> out) {
    for (std::size_t i = 0; i < logprobs.size(); ++i)
      out[i] = slopes[first + static_cast<std::int64_t>(i)].item<float>();
  };
  Trunk trunk(*decoder, /*recompute=*/true);
  const HeadScores scores = gradient_pass(*decoder, trunk, pack, 1.0, loss_gradient);

  // What is compared is copied; then the large arenas go.
  const at::Tensor embedded =
      decoder->embed(at::tensor(std::vector<std::int64_t>(pack.tokens.begin(), pack.tokens.end())))
          .to(at::kDouble);
  const at::Tensor targets = at::tensor(pack.targets, at::kLong);
  const at::Tensor sampled_ids = at::cat({targets.narrow(0, 0, 5), at::tensor({0, 7, 248319})});
  const at::Tensor head_gradient = decoder->head().gradient.index_select(0, sampled_ids);
  const at::Tensor embedding_gradient =
      store->weight("embed_tokens.weight")
          .gradient
          .index_select(0, at::tensor(std::vector<std::int64_t>(pack.tokens.begin(),
                                                                pack.tokens.begin() + 8)))
          .clone();
  std::map<std::string, at::Tensor> values, gradients;
  for (const Parameter& parameter : store->layout().parameters()) {
    if (!parameter.name.starts_with("layers.") && parameter.name != "norm.weight") continue;
    const Weight weight = store->weight(parameter.name);
    values[parameter.name] = weight.value.clone();
    // Of a matrix, some rows; of a vector, all.
    const std::int64_t rows = std::min<std::int64_t>(weight.gradient.size(0), 48);
    gradients[parameter.name] = parameter.is_matrix() ? weight.gradient.narrow(0, 0, rows).clone()
                                                      : weight.gradient.clone();
  }
  const at::Tensor head_value = decoder->head().value;  // the weights stay, the gradients go
  decoder.reset();
  store.reset();

  ModelConfig layers_only = config;
  layers_only.vocab_size = 64;  // neither embedding nor head are read
  ParameterStore exact(ParameterLayout(layers_only), {.compute = at::kDouble, .gradients = true});
  for (const auto& [name, value] : values) exact.weight(name).value.copy_(value);
  const Decoder exact_decoder(layers_only, exact);
  const std::vector<TokenId> zeros(pack.tokens.size(), 0);
  const PackedBatch batch(layers_only, zeros, pack.lengths, at::kCPU);
  const at::Tensor x = embedded.clone().requires_grad_(true);
  at::Tensor normed;
  {
    const c10::AutoGradMode with_graph(true);
    normed =
        exact_decoder.final_norm(exact_decoder.layer(1, exact_decoder.layer(0, x, batch), batch));
  }
  const DoubleHead expected = double_head(normed.detach(), head_value, targets, slopes);
  torch::autograd::backward({normed}, {expected.gradient});

  // bfloat16 activations: 2^-9 per rounding, a few dozen roundings in a row.
  constexpr double kTolerance = 0.03;
  const at::Tensor logprobs = at::tensor(at::ArrayRef<float>(scores.logprobs));
  EXPECT_LT((logprobs.to(at::kDouble) - expected.logprobs).abs().max().item<double>(), 0.1);
  EXPECT_LT((logprobs.to(at::kDouble) - expected.logprobs).norm().item<double>() / 16, 0.02);
  EXPECT_LT(relative(embedding_gradient, x.grad().narrow(0, 0, 8)), kTolerance);
  const at::Tensor p = expected.probabilities_of(head_value.index_select(0, sampled_ids));
  const at::Tensor hits = targets.unsqueeze(1).eq(sampled_ids.unsqueeze(0)).to(at::kDouble);
  EXPECT_LT(relative(head_gradient, (slopes.unsqueeze(1) * (hits - p)).t().matmul(normed.detach())),
            kTolerance);
  for (const auto& [name, gradient] : gradients) {
    const at::Tensor exact_gradient = exact.weight(name).gradient.narrow(0, 0, gradient.size(0));
    EXPECT_LT(relative(gradient, exact_gradient), kTolerance) << name;
  }
}

}  // namespace
}  // namespace polaris::nn
