#include "nn/internal/step_decoder.h"

#include <ATen/Parallel.h>
#include <ATen/ops/from_blob.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "base/error.h"
#include "base/random.h"
#include "nn/decode_session.h"
#include "nn/internal/cached_decoder.h"
#include "nn/internal/golden_testing.h"
#include "nn/internal/model.h"
#include "nn/kernels/decode_attention_kernels.h"

namespace polaris::nn {
namespace {

constexpr std::array kIsas = {kernels::Isa::kPortable, kernels::Isa::kAvx2, kernels::Isa::kAvx512};

std::vector<float> random_floats(std::size_t count, std::uint64_t seed) {
  RandomStream random({.seed = seed});
  std::vector<float> values;
  for (std::size_t i = 0; i < count; ++i) values.push_back(static_cast<float>(random.normal()));
  return values;
}

/// A cache whose slots hold prompts of different lengths.
struct Writer {
  Writer(const std::string& name, std::int64_t slots, at::ScalarType compute = at::kFloat)
      : model(golden_folder(name), {.compute = compute}),
        arena(DecoderCache::bytes(model.config(), slots, kMaxTokens, at::kFloat), at::kCPU),
        cache(model.config(), slots, kMaxTokens, at::kFloat, arena) {}

  void begin(std::int64_t slot, std::size_t length) {
    std::vector<TokenId> tokens;
    for (std::size_t i = 0; i < length; ++i)
      tokens.push_back(static_cast<TokenId>((13 * i + length) % 320));
    extend(model.decoder, cache, std::vector{CachePiece{.slot = slot, .tokens = tokens}});
  }

  /// By tensor operations.
  at::Tensor step(std::span<const std::int64_t> slots, std::span<const TokenId> tokens) {
    std::vector<CachePiece> pieces;
    for (std::size_t i = 0; i < slots.size(); ++i)
      pieces.push_back({.slot = slots[i], .tokens = tokens.subspan(i, 1)});
    return logits(model.decoder, extend(model.decoder, cache, pieces));
  }

  static constexpr std::int64_t kMaxTokens = 400;
  Model model;
  PhaseArena arena;
  DecoderCache cache;
};

/// Changes every matrix that a step multiplies with.
void change_matrices(const Decoder& decoder, at::Tensor (*changed)(const at::Tensor&)) {
  const auto change = [&](const Weight& weight) {
    at::Tensor value = weight.value;
    value.copy_(changed(value));
  };
  change(decoder.head());
  for (std::size_t i = 0; i < decoder.layer_count(); ++i) {
    const LayerWeights& layer = decoder.weights(i);
    change(layer.delta ? layer.delta->in : layer.attention->in);
    change(layer.delta ? layer.delta->out : layer.attention->out);
    change(layer.gate_up);
    change(layer.down);
  }
}

at::Tensor in_steps(const at::Tensor& w) {
  const at::Tensor scales = w.abs().amax(1, /*keepdim=*/true).div(127);
  return w.div(scales).round().mul(scales);
}

at::Tensor as_bfloat16(const at::Tensor& w) { return w.to(at::kBFloat16); }

const std::vector<std::int64_t> kSlots = {4, 0, 3, 1};

/// Logits of 40 steps of four of five sequences.
using Steps = std::vector<at::Tensor>;

template <class Step>
Steps steps_of(Writer& writer, const Step& step) {
  for (std::int64_t slot = 0; slot < 5; ++slot)
    writer.begin(slot, static_cast<std::size_t>(1 + 40 * slot));
  Steps steps;
  for (int i = 0; i < 40; ++i) steps.push_back(step(std::vector<TokenId>{i, 300 - i, 7, 2 * i}));
  return steps;
}

Steps tensor_steps(Writer& writer) {
  return steps_of(writer,
                  [&](std::span<const TokenId> tokens) { return writer.step(kSlots, tokens); });
}

Steps packed_steps(Writer& writer, WeightStorage storage) {
  const PackedDecoder packed(writer.model.decoder, storage);
  StepDecoder decoder(packed, writer.cache);
  return steps_of(writer, [&](std::span<const TokenId> tokens) {
    const auto rows = decoder.step(kSlots, tokens);
    return at::from_blob(rows.data(), {4, 320}, at::kFloat).clone();
  });
}

/// The largest difference of a step, and the mean.
struct Difference {
  double largest = 0, mean = 0;

  Difference(const Steps& actual, const Steps& expected) {
    for (std::size_t i = 0; i < expected.size(); ++i) {
      const double difference = relative_difference(actual[i], expected[i]);
      largest = std::max(largest, difference);
      mean += difference / static_cast<double>(expected.size());
    }
  }
};

class StepDecoderOfModel : public testing::TestWithParam<std::string> {};

TEST_P(StepDecoderOfModel, StepsAreThoseOfTheTensorForm) {
  Writer tensors(GetParam(), 5), packed(GetParam(), 5);
  const Steps expected = tensor_steps(tensors);
  const Steps actual = packed_steps(packed, WeightStorage::kFloat32);
  EXPECT_LT(Difference(actual, expected).largest, 1e-5);
  for (std::int64_t slot = 0; slot < 5; ++slot)
    EXPECT_EQ(packed.cache.length(slot), tensors.cache.length(slot));
}

TEST_P(StepDecoderOfModel, StepsWithInt8AreThoseOfTheTensorFormOverTheSameWeights) {
  Writer tensors(GetParam(), 5), packed(GetParam(), 5);
  for (const Writer* writer : {&tensors, &packed}) change_matrices(writer->model.decoder, in_steps);
  const Steps expected = tensor_steps(tensors);
  EXPECT_LT(Difference(packed_steps(packed, WeightStorage::kInt8), expected).largest, 2e-5);
}

TEST_P(StepDecoderOfModel, StepsWithBfloat16AreNearerToFloat32ThanTheTensorForm) {
  Writer exact(GetParam(), 5);
  change_matrices(exact.model.decoder, as_bfloat16);
  Writer tensors(GetParam(), 5, at::kBFloat16), packed(GetParam(), 5, at::kBFloat16);
  const Steps expected = tensor_steps(exact);
  const Difference of_tensors(tensor_steps(tensors), expected);
  const Difference of_packed(packed_steps(packed, WeightStorage::kBfloat16), expected);
  EXPECT_LT(of_packed.mean, of_tensors.mean);
  EXPECT_LT(of_packed.mean, 0.2);
}

INSTANTIATE_TEST_SUITE_P(Models, StepDecoderOfModel,
                         testing::Values("qwen3_5_tiny", "qwen3_5_tiny_tied", "qwen3_5_tiny_gva3",
                                         "llama3_tiny", "qwen3_tiny", "mistral_tiny"),
                         [](const auto& info) { return info.param; });

class StepDecoderOfStorage : public testing::TestWithParam<WeightStorage> {};

TEST_P(StepDecoderOfStorage, ARowDoesNotDependOnWhoElseWritesNorOnThreads) {
  const int before = at::get_num_threads();
  for (const kernels::Isa isa : kIsas) {
    const kernels::IsaLimit limit(isa);
    const auto row = [&](std::int64_t slots, std::int64_t mine, int threads,
                         std::int64_t cached_bytes) {
      at::set_num_threads(threads);
      Writer writer("qwen3_5_tiny", slots);
      std::vector<std::int64_t> all;
      for (std::int64_t slot = 0; slot < slots; ++slot) {
        writer.begin(slot, slot == mine ? 33 : 1 + slot % 7);
        all.push_back(slot);
      }
      const PackedDecoder packed(writer.model.decoder, GetParam());
      StepDecoder decoder(packed, writer.cache, cached_bytes);
      std::vector<float> result;
      for (TokenId step = 0; step < 30; ++step) {
        std::vector<TokenId> tokens(all.size(), step);
        tokens[mine] = 3 * step;
        const auto rows = decoder.step(all, tokens).subspan(mine * 320, 320);
        result.assign(rows.begin(), rows.end());
      }
      return result;
    };
    const auto alone = row(1, 0, 1, 1 << 24);
    EXPECT_EQ(alone, row(3, 1, 1, 1 << 24));
    EXPECT_EQ(alone, row(19, 13, 2, 1 << 24));  // threads divide rows
    EXPECT_EQ(alone, row(19, 13, 2, 0));        // threads divide columns
    EXPECT_EQ(alone, row(40, 5, 1, 0));
  }
  at::set_num_threads(before);
}

INSTANTIATE_TEST_SUITE_P(Storages, StepDecoderOfStorage,
                         testing::Values(WeightStorage::kFloat32, WeightStorage::kBfloat16,
                                         WeightStorage::kInt8));

TEST(DecodeAttentionKernels, ScoreAndSumWhateverTheSizes) {
  for (const kernels::Isa isa : kIsas) {
    const kernels::IsaLimit limit(isa);
    const auto kernels = kernels::decode_attention_kernels();
    for (const std::int64_t keys : {1, 3, 16, 17, 70}) {
      for (const std::int64_t head_dim : {4, 16, 20, 64, 128}) {
        const kernels::DecodeAttention shape{.group = 3,
                                             .head_dim = head_dim,
                                             .keys = keys,
                                             .key_stride = head_dim + 5,
                                             .score_stride = keys + 2};
        // Just as long as what is read: a sanitizer sees a step beyond.
        const std::size_t size = (keys - 1) * shape.key_stride + head_dim;
        const auto q = random_floats(3 * head_dim, 1), slab = random_floats(size, 2);
        std::vector<float> scores(3 * shape.score_stride, 77.0F), o(3 * head_dim);
        kernels.score(shape, q.data(), slab.data(), scores.data());
        const std::vector<float> factors = {0.5F, 1.0F, 2.0F};
        kernels.sum_values(shape, scores.data(), factors.data(), slab.data(), o.data());
        for (std::int64_t h = 0; h < 3; ++h) {
          std::vector<double> sums(head_dim, 0.0);
          for (std::int64_t t = 0; t < keys; ++t) {
            double score = 0;
            for (std::int64_t i = 0; i < head_dim; ++i)
              score += double{q[h * head_dim + i]} * slab[t * shape.key_stride + i];
            ASSERT_NEAR(scores[h * shape.score_stride + t], score, 1e-4);
            for (std::int64_t i = 0; i < head_dim; ++i)
              sums[i] += double{factors[h]} * score * slab[t * shape.key_stride + i];
          }
          ASSERT_EQ(scores[h * shape.score_stride + keys], 77.0F);
          for (std::int64_t i = 0; i < head_dim; ++i)
            ASSERT_NEAR(o[h * head_dim + i], sums[i], 2e-3);
        }
      }
    }
  }
}

TEST(DecodeSession, WritesFromASharedPromptWithTheWeightsOfItsMoment) {
  const Policy policy =
      Policy::load(golden_folder("qwen3_5_tiny"), ComputeDtype::kFloat32, {.name = "cpu"});
  const DecodeWeights weights(policy);
  DecodeSession session(weights, 3, 64);
  EXPECT_EQ(session.slots(), 3);
  EXPECT_EQ(session.max_tokens(), 64);
  const std::vector<TokenId> prompt = {5, 9, 300, 17, 2};
  const auto first = session.begin(2, prompt);
  EXPECT_EQ(first.size(), 320U);
  session.copy(2, 0);
  session.begin(1, std::vector<TokenId>{4});
  const std::vector<TokenId> tokens = {8, 8, 8};
  const auto rows = session.step(std::vector<std::int64_t>{2, 1, 0}, tokens);
  ASSERT_EQ(rows.size(), 3 * 320U);
  EXPECT_TRUE(std::ranges::equal(rows.subspan(0, 320), rows.subspan(640, 320)));
  EXPECT_FALSE(std::ranges::equal(rows.subspan(0, 320), rows.subspan(320, 320)));
  EXPECT_THROW(session.begin(0, std::vector<TokenId>{}), Error);
  EXPECT_THROW(session.begin(0, std::vector<TokenId>{320}), Error);
  EXPECT_GT(DecodeSession::bytes_per_slot(weights, 128),
            DecodeSession::bytes_per_slot(weights, 64));
}

TEST(DecodeSession, RunsInBfloat16) {
  const Policy policy =
      Policy::load(golden_folder("llama3_tiny"), ComputeDtype::kBfloat16, {.name = "cpu"});
  const DecodeWeights weights(policy);
  EXPECT_NE(weights.packed(), nullptr);
  DecodeSession session(weights, 1, 16);
  session.begin(0, std::vector<TokenId>{1, 2, 3});
  const auto row = session.step(std::vector<std::int64_t>{0}, std::vector<TokenId>{4});
  EXPECT_TRUE(std::ranges::all_of(row, [](float z) { return std::isfinite(z); }));
}

}  // namespace
}  // namespace polaris::nn
