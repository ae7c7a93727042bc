// The decoder against numbers made by transformers (tests/golden/*/README.md).
#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/index_select.h>
#include <c10/core/GradMode.h>
#include <gtest/gtest.h>

#include "nn/internal/gemm.h"
#include "nn/internal/golden_testing.h"
#include "nn/internal/model.h"
#include "nn/policy.h"

namespace polaris::nn {
namespace {

std::vector<TokenId> ids(const at::Tensor& tensor) {
  const at::Tensor flat = tensor.to(at::kLong).contiguous().view(-1);
  const auto* data = flat.const_data_ptr<std::int64_t>();
  return {data, data + flat.numel()};
}

/// A golden folder: the model and what the reference says about it.
struct Golden {
  explicit Golden(const std::string& name, at::ScalarType compute = at::kFloat,
                  at::Device device = at::kCPU)
      : model(golden_folder(name), {.device = device, .compute = compute}),
        expected(golden_folder(name) / "golden.safetensors") {}

  /// [T, vocab] for sequences of these lengths, packed.
  at::Tensor logits(const at::Tensor& tokens, std::span<const std::int64_t> lengths) const {
    const c10::NoGradGuard no_graph;
    const PackedBatch batch(model.config(), ids(tokens), lengths, model.device());
    const at::Tensor x = model.decoder.final_norm(model.decoder.hidden(batch));
    const at::Tensor out = at::empty({x.size(0), model.config().vocab_size}, x.options());
    gemm_nt(out, x, model.decoder.head().value);
    return out;
  }

  Model model;
  GoldenFile expected;
};

class DecoderGolden : public testing::TestWithParam<std::string> {};

TEST_P(DecoderGolden, LogitsOfEveryPosition) {
  for (const at::Device device : devices()) {
    const Golden golden(GetParam(), at::kFloat, device);
    const at::Tensor tokens = golden.expected["input_ids"];
    const at::Tensor expected = golden.expected["logits"];
    const std::vector<std::int64_t> both = {tokens.size(1), tokens.size(1)};
    const double tolerance = device.is_cpu() ? 5e-4 : 1e-2;  // the delta rule is TF32 on a GPU
    EXPECT_LT(max_difference(golden.logits(tokens, both), expected.flatten(0, 1)), tolerance)
        << device;
  }
}

TEST_P(DecoderGolden, HiddenStatesBehindEveryLayer) {
  const Golden golden(GetParam());
  if (!golden.expected.contains("hidden.embed")) GTEST_SKIP() << "the file holds logits only";
  const c10::NoGradGuard no_graph;
  const at::Tensor tokens = golden.expected["input_ids"];
  const std::vector<std::int64_t> both = {tokens.size(1), tokens.size(1)};
  const Decoder& decoder = golden.model.decoder;
  const PackedBatch batch(golden.model.config(), ids(tokens), both, at::kCPU);
  const auto expected = [&](const std::string& name) {
    return golden.expected["hidden." + name].flatten(0, 1);
  };
  at::Tensor x = decoder.embed(batch.tokens);
  EXPECT_EQ(max_difference(x, expected("embed")), 0.0);
  for (std::size_t i = 0; i < decoder.layer_count(); ++i) {
    x = decoder.layer(i, x, batch);
    EXPECT_LT(relative_difference(x, expected(fmt::format("layer{}", i))), 2e-5) << "layer " << i;
  }
  EXPECT_LT(max_difference(decoder.final_norm(x), expected("final_norm")), 2e-4);
}

TEST_P(DecoderGolden, LogProbabilitiesOfTheNextToken) {
  const GoldenFile expected(golden_folder(GetParam()) / "golden.safetensors");
  const Policy policy = Policy::load(golden_folder(GetParam()), ComputeDtype::kFloat32,
                                     {.name = "cpu", .threads = 1});
  const at::Tensor tokens = expected["input_ids"];
  const at::Tensor logprobs = expected["token_logprobs"];
  const at::Tensor entropies =
      -(expected["logits"].log_softmax(-1).exp() * expected["logits"].log_softmax(-1)).sum(-1);
  for (std::int64_t row = 0; row < tokens.size(0); ++row) {
    const auto sequence = ids(tokens[row]);
    const auto scores = policy.score(std::vector{ScoreRequest{.tokens = sequence}});
    ASSERT_EQ(scores[0].logprobs.size(), sequence.size() - 1);
    for (std::size_t t = 0; t + 1 < sequence.size(); ++t) {
      const auto column = static_cast<std::int64_t>(t);
      EXPECT_NEAR(scores[0].logprobs[t], logprobs[row][column].item<float>(), 2e-4);
      EXPECT_NEAR(scores[0].entropies[t], entropies[row][column].item<float>(), 2e-4);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Models, DecoderGolden,
                         testing::Values("qwen3_5_tiny", "qwen3_5_tiny_tied", "qwen3_5_tiny_gva3",
                                         "qwen3_5_tiny_vl", "llama3_tiny", "qwen3_tiny",
                                         "mistral_tiny"),
                         [](const auto& info) { return info.param; });

TEST(Decoder, ALongSequenceCrossesChunks) {
  const Golden golden("qwen3_5_tiny");
  const at::Tensor tokens = golden.expected["long.input_ids"];
  const std::vector<std::int64_t> lengths = {tokens.size(1)};
  EXPECT_LT(max_difference(golden.logits(tokens, lengths), golden.expected["long.logits"][0]),
            5e-4);
}

TEST(Decoder, PackedSequencesDoNotSeeEachOther) {
  const Golden golden("qwen3_5_tiny");
  const std::vector<std::int64_t> lengths = {70, 59};
  const at::Tensor logits = golden.logits(golden.expected["packed.input_ids"], lengths);
  EXPECT_LT(max_difference(logits.narrow(0, 0, 70), golden.expected["packed.seq0.logits"][0]),
            5e-4);
  EXPECT_LT(max_difference(logits.narrow(0, 70, 59), golden.expected["packed.seq1.logits"][0]),
            5e-4);
}

TEST(Decoder, ASlidingWindowHidesWhatIsFurtherBack) {
  const GoldenFile expected(golden_folder("mistral_tiny") / "golden.safetensors");
  const ModelFolder folder(golden_folder("mistral_tiny"));
  ModelConfig config = folder.config();
  config.sliding_window = 16;
  ParameterStore store(ParameterLayout(config), {});
  load_weights(store, folder);
  const Decoder decoder(config, store);
  const at::Tensor tokens = expected["input_ids"];
  const std::vector<std::int64_t> both = {tokens.size(1), tokens.size(1)};
  const PackedBatch batch(config, ids(tokens), both, at::kCPU);
  const at::Tensor x = decoder.final_norm(decoder.hidden(batch));
  EXPECT_LT(max_difference(x.matmul(decoder.head().value.t()),
                           expected["sliding_window16.logits"].flatten(0, 1)),
            5e-4);
}

TEST(Decoder, InDoubleItIsTheIndependentDoubleImplementation) {
  const Golden golden("qwen3_5_tiny", at::kDouble);
  const at::Tensor tokens = golden.expected["input_ids"];
  const std::vector<std::int64_t> both = {tokens.size(1), tokens.size(1)};
  // Their angles are in double, ours rounded to float32 as the published models'.
  EXPECT_LT(
      max_difference(golden.logits(tokens, both), golden.expected["f64.logits"].flatten(0, 1)),
      2e-5);
}

TEST(Decoder, InBfloat16ItStaysNearFloat32) {
  const Golden golden("qwen3_5_tiny", at::kBFloat16);
  const at::Tensor tokens = golden.expected["input_ids"];
  const std::vector<std::int64_t> both = {tokens.size(1), tokens.size(1)};
  const at::Tensor ours = golden.logits(tokens, both).to(at::kFloat);
  const at::Tensor exact = golden.expected["logits"].flatten(0, 1);
  const at::Tensor theirs = golden.expected["bf16.logits"].flatten(0, 1);
  const auto rms = [](const at::Tensor& x) { return x.square().mean().sqrt().item<double>(); };
  EXPECT_LT(rms(ours - exact), 1.2 * rms(theirs - exact));
}

}  // namespace
}  // namespace polaris::nn
