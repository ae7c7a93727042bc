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
#include "nn/kernels/row_product_kernels.h"

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
  Writer(const std::string& name, std::int64_t slots, std::int64_t max_tokens = 400)
      : model(golden_folder(name), {}),
        arena(DecoderCache::bytes(model.config(), slots, max_tokens, at::kFloat), at::kCPU),
        cache(model.config(), slots, max_tokens, at::kFloat, arena) {}

  void begin(std::int64_t slot, std::size_t length) {
    std::vector<TokenId> tokens;
    for (std::size_t i = 0; i < length; ++i)
      tokens.push_back(static_cast<TokenId>((13 * i + length) % 320));
    extend(model.decoder, cache, std::vector{CachePiece{.slot = slot, .tokens = tokens}});
  }

  Model model;
  PhaseArena arena;
  DecoderCache cache;
};

class StepDecoderOfModel : public testing::TestWithParam<std::string> {};

TEST_P(StepDecoderOfModel, StepsAreThoseOfTheTensorForm) {
  Writer tensors(GetParam(), 5), steps(GetParam(), 5);
  for (Writer* writer : {&tensors, &steps}) {
    for (std::int64_t slot = 0; slot < 5; ++slot)
      writer->begin(slot, static_cast<std::size_t>(1 + 40 * slot));
  }
  ASSERT_TRUE(StepDecoder::serves(steps.model.decoder));
  StepDecoder decoder(steps.model.decoder, steps.cache);
  const std::vector<std::int64_t> slots = {4, 0, 3, 1};
  for (int step = 0; step < 40; ++step) {
    const std::vector<TokenId> tokens = {step, 300 - step, 7, 2 * step};
    std::vector<CachePiece> pieces;
    for (std::size_t i = 0; i < slots.size(); ++i)
      pieces.push_back({.slot = slots[i], .tokens = std::span(tokens).subspan(i, 1)});
    const at::Tensor expected =
        logits(tensors.model.decoder, extend(tensors.model.decoder, tensors.cache, pieces));
    const auto row = decoder.step(slots, tokens);
    const at::Tensor actual =
        at::from_blob(const_cast<float*>(row.data()), expected.sizes(), at::kFloat);
    ASSERT_LT(relative_difference(actual, expected), 1e-5) << step;
  }
  for (std::int64_t slot = 0; slot < 5; ++slot)
    EXPECT_EQ(steps.cache.length(slot), tensors.cache.length(slot));
}

INSTANTIATE_TEST_SUITE_P(Models, StepDecoderOfModel,
                         testing::Values("qwen3_5_tiny", "qwen3_5_tiny_tied", "qwen3_5_tiny_gva3",
                                         "llama3_tiny", "qwen3_tiny", "mistral_tiny"),
                         [](const auto& info) { return info.param; });

TEST(StepDecoder, ARowDoesNotDependOnWhoElseWritesNorOnThreads) {
  const int before = at::get_num_threads();
  for (const kernels::Isa isa : kIsas) {
    const kernels::IsaLimit limit(isa);
    const auto row = [&](std::int64_t slots, std::int64_t mine, int threads,
                         std::int64_t cached_elements) {
      at::set_num_threads(threads);
      Writer writer("qwen3_5_tiny", slots);
      std::vector<std::int64_t> all;
      for (std::int64_t slot = 0; slot < slots; ++slot) {
        writer.begin(slot, slot == mine ? 33 : 1 + slot % 7);
        all.push_back(slot);
      }
      StepDecoder decoder(writer.model.decoder, writer.cache, cached_elements);
      std::vector<float> result;
      for (TokenId step = 0; step < 30; ++step) {
        std::vector<TokenId> tokens(all.size(), step);
        tokens[mine] = 3 * step;
        const auto rows = decoder.step(all, tokens).subspan(mine * 320, 320);
        result.assign(rows.begin(), rows.end());
      }
      return result;
    };
    const auto alone = row(1, 0, 1, 1 << 22);
    EXPECT_EQ(alone, row(3, 1, 1, 1 << 22));
    EXPECT_EQ(alone, row(19, 13, 2, 1 << 22));  // threads divide rows
    EXPECT_EQ(alone, row(19, 13, 2, 0));        // threads divide columns
    EXPECT_EQ(alone, row(40, 5, 1, 0));
  }
  at::set_num_threads(before);
}

TEST(RowProductKernels, MultiplyWhateverTheSizes) {
  for (const kernels::Isa isa : kIsas) {
    const kernels::IsaLimit limit(isa);
    const auto kernels = kernels::row_product_kernels();
    for (const std::int64_t rows : {1, 2, 5, 8, 13, 24, 31}) {
      for (const std::int64_t columns : {1, 31, 64, 65}) {
        for (const std::int64_t k : {1, 7, 64}) {
          const auto x = random_floats(rows * k, rows), w = random_floats(columns * k, columns);
          const std::int64_t panels = (columns + kernels.panel - 1) / kernels.panel;
          std::vector<float> packed(panels * kernels.panel * k), y(rows * columns + 1, 77.0F);
          kernels.pack(w.data(), columns, k, packed.data(), 0, panels);
          kernels.multiply(x.data(), rows, k, packed.data(), y.data(), columns, 0, panels);
          for (std::int64_t r = 0; r < rows; ++r) {
            std::vector<float> alone(columns);
            kernels.multiply(x.data() + r * k, 1, k, packed.data(), alone.data(), columns, 0,
                             panels);
            for (std::int64_t j = 0; j < columns; ++j) {
              double sum = 0;
              for (std::int64_t i = 0; i < k; ++i) sum += double{x[r * k + i]} * w[j * k + i];
              ASSERT_NEAR(y[r * columns + j], sum, 2e-5);
              ASSERT_EQ(y[r * columns + j], alone[j]);
            }
          }
          ASSERT_EQ(y.back(), 77.0F);
        }
      }
    }
  }
}

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
  DecodeSession session(policy, 3, 64);
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
  EXPECT_GT(DecodeSession::bytes_per_slot(policy, 128), DecodeSession::bytes_per_slot(policy, 64));
}

TEST(DecodeSession, RunsInBfloat16) {
  const Policy policy =
      Policy::load(golden_folder("llama3_tiny"), ComputeDtype::kBfloat16, {.name = "cpu"});
  DecodeSession session(policy, 1, 16);
  session.begin(0, std::vector<TokenId>{1, 2, 3});
  const auto row = session.step(std::vector<std::int64_t>{0}, std::vector<TokenId>{4});
  EXPECT_TRUE(std::ranges::all_of(row, [](float z) { return std::isfinite(z); }));
}

}  // namespace
}  // namespace polaris::nn
