#include "nn/internal/cached_decoder.h"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/argmax.h>
#include <ATen/ops/cat.h>
#include <c10/core/GradMode.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "nn/internal/golden_testing.h"
#include "nn/internal/model.h"

namespace polaris::nn {
namespace {

std::vector<TokenId> ids(const at::Tensor& tensor) {
  const at::Tensor flat = tensor.contiguous().view(-1);
  const auto* data = flat.const_data_ptr<std::int64_t>();
  return {data, data + flat.numel()};
}

/// A model with a cache of its own.
struct Writer {
  explicit Writer(const std::string& name, std::int64_t slots = 4, std::int64_t max_tokens = 320,
                  at::ScalarType compute = at::kFloat, at::Device device = at::kCPU)
      : model(golden_folder(name), {.device = device, .compute = compute}),
        arena(DecoderCache::bytes(model.config(), slots, max_tokens, compute), device),
        cache(model.config(), slots, max_tokens, compute, arena) {}

  at::Tensor extend(std::span<const CachePiece> pieces) {
    return logits(model.decoder, nn::extend(model.decoder, cache, pieces));
  }
  /// [vocab] behind the last of `tokens`.
  at::Tensor extend(std::int64_t slot, std::span<const TokenId> tokens) {
    return extend(std::vector{CachePiece{.slot = slot, .tokens = tokens}})[0];
  }

  Model model;
  PhaseArena arena;
  DecoderCache cache;
};

class CachedDecoder : public testing::TestWithParam<std::string> {};

void continue_greedily(const std::string& name, at::Device device) {
  Writer writer(name, 4, 320, at::kFloat, device);
  const GoldenFile golden(golden_folder(name) / "golden.safetensors");
  const at::Tensor expected = golden["greedy.tokens"][0], steps = golden["greedy.step_logits"][0];
  const std::int64_t slot = 2;
  at::Tensor next = writer.extend(slot, ids(golden["greedy.prompt"]));
  const auto compare_state = [&](const std::string& which) {
    for (std::size_t i = 0; i < writer.model.config().layers.size(); ++i) {
      const LayerCache& layer = writer.cache.layer(i);
      const std::string tensor = fmt::format("greedy.{}_state.layer{}.", which, i);
      if (!golden.contains(tensor + "key") && !golden.contains(tensor + "conv_state")) continue;
      if (layer.state.defined()) {
        EXPECT_LT(max_difference(layer.state[slot], golden[tensor + "recurrent_state"][0]), 1e-4)
            << tensor;
        // Theirs is [C, 4], one column more than the convolution needs.
        const at::Tensor columns = golden[tensor + "conv_state"][0];
        const std::int64_t kept = layer.conv.size(1);
        EXPECT_LT(
            max_difference(layer.conv[slot].t(), columns.narrow(1, columns.size(1) - kept, kept)),
            1e-4)
            << tensor;
      } else {
        const std::int64_t length = writer.cache.length(slot);
        EXPECT_LT(max_difference(layer.keys[slot].narrow(0, 0, length).transpose(0, 1),
                                 golden[tensor + "key"][0]),
                  1e-4)
            << tensor;
        EXPECT_LT(max_difference(layer.values[slot].narrow(0, 0, length).transpose(0, 1),
                                 golden[tensor + "value"][0]),
                  1e-4)
            << tensor;
      }
    }
  };
  compare_state("prefill");
  for (std::int64_t i = 0; i < expected.size(0); ++i) {
    EXPECT_LT(max_difference(next, steps[i]), 5e-4) << "step " << i;
    const auto token = static_cast<TokenId>(at::argmax(next).item<std::int64_t>());
    ASSERT_EQ(token, expected[i].item<std::int64_t>()) << "step " << i;
    if (i + 1 < expected.size(0)) next = writer.extend(slot, std::vector{token});
  }
  compare_state("final");
}

TEST_P(CachedDecoder, GreedyContinuationIsTransformersTokenForToken) {
  for (const at::Device device : devices()) continue_greedily(GetParam(), device);
}

INSTANTIATE_TEST_SUITE_P(Models, CachedDecoder,
                         testing::Values("qwen3_5_tiny", "qwen3_5_tiny_tied", "qwen3_5_tiny_gva3",
                                         "llama3_tiny", "qwen3_tiny", "mistral_tiny"),
                         [](const auto& info) { return info.param; });

TEST(CachedDecoder, PiecesAreTheWholeForThreeHundredTokens) {
  Writer writer("qwen3_5_tiny");
  const GoldenFile golden(golden_folder("qwen3_5_tiny") / "golden.safetensors");
  const auto tokens = ids(golden["long.input_ids"]);
  const at::Tensor expected = golden["long.logits"][0];
  // In uneven pieces, and one by one.
  std::size_t begin = 0;
  for (const std::size_t count : {2, 98, 1, 64, 135}) {
    const at::Tensor next = writer.extend(0, std::span(tokens).subspan(begin, count));
    begin += count;
    EXPECT_LT(max_difference(next, expected[static_cast<std::int64_t>(begin) - 1]), 5e-4) << begin;
  }
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const at::Tensor next = writer.extend(1, std::span(tokens).subspan(i, 1));
    EXPECT_LT(max_difference(next, expected[static_cast<std::int64_t>(i)]), 5e-4) << i;
  }
}

TEST(CachedDecoder, ASlidingWindowForgetsInTheCacheToo) {
  const GoldenFile golden(golden_folder("mistral_tiny") / "golden.safetensors");
  const ModelFolder folder(golden_folder("mistral_tiny"));
  ModelConfig config = folder.config();
  config.sliding_window = 16;
  ParameterStore store(ParameterLayout(config), {});
  load_weights(store, folder);
  const Decoder decoder(config, store);
  PhaseArena arena(DecoderCache::bytes(config, 1, 64, at::kFloat), at::kCPU);
  DecoderCache cache(config, 1, 64, at::kFloat, arena);
  const auto tokens = ids(golden["input_ids"][0]);
  const at::Tensor expected = golden["sliding_window16.logits"][0];
  std::size_t begin = 0;
  for (const std::size_t count : {20, 1, 9, 1, 1, 5}) {
    const CachePiece piece{.slot = 0, .tokens = std::span(tokens).subspan(begin, count)};
    begin += count;
    const at::Tensor next = logits(decoder, extend(decoder, cache, std::vector{piece}))[0];
    EXPECT_LT(max_difference(next, expected[static_cast<std::int64_t>(begin) - 1]), 5e-4) << begin;
  }
}

TEST(CachedDecoder, ACopiedSlotGoesOnAsTheOriginal) {
  for (const char* name : {"qwen3_5_tiny", "llama3_tiny"}) {
    Writer writer(name);
    const std::vector<TokenId> prompt = {5, 9, 300, 17, 2}, rest = {44, 8};
    writer.extend(0, prompt);
    writer.extend(3, std::vector<TokenId>(50, 7));  // what was there before
    writer.cache.copy(0, 3);
    EXPECT_EQ(writer.cache.length(3), 5);
    EXPECT_TRUE(writer.extend(0, rest).equal(writer.extend(3, rest)));
  }
}

TEST(CachedDecoder, AClearedSlotRemembersNothing) {
  Writer writer("qwen3_5_tiny");
  const std::vector<TokenId> prompt = {5, 9, 300};
  const at::Tensor fresh = writer.extend(1, prompt);
  writer.extend(0, std::vector<TokenId>(40, 11));
  writer.cache.clear(0);
  EXPECT_TRUE(writer.extend(0, prompt).equal(fresh));
}

TEST(CachedDecoder, AStepDoesNotDependOnWhoElseWritesNorOnThreads) {
  const int before = at::get_num_threads();
  for (const at::ScalarType compute : {at::kFloat, at::kBFloat16}) {
    const auto continuation = [&](std::int64_t slots, std::int64_t mine, int threads) {
      at::set_num_threads(threads);
      Writer writer("qwen3_5_tiny", slots, 64, compute);
      writer.extend(mine, std::vector<TokenId>{3, 1, 4, 1, 5});
      for (std::int64_t slot = 0; slot < slots; ++slot) {
        if (slot != mine) writer.extend(slot, std::vector<TokenId>(slot % 7 + 1, 2));
      }
      at::Tensor all;
      std::vector<TokenId> tokens(slots, 9);
      for (int step = 0; step < 5; ++step) {
        std::vector<CachePiece> pieces;
        for (std::int64_t slot = 0; slot < slots; ++slot) {
          tokens[slot] = static_cast<TokenId>((slot == mine ? 0 : slot) + step * 13);
          pieces.push_back({.slot = slot, .tokens = std::span(tokens).subspan(slot, 1)});
        }
        all = writer.extend(pieces);
      }
      return all[mine].clone();
    };
    const at::Tensor alone = continuation(1, 0, 1);
    EXPECT_TRUE(alone.equal(continuation(3, 1, 1))) << compute;
    EXPECT_TRUE(alone.equal(continuation(6, 5, 2))) << compute;
    EXPECT_TRUE(alone.equal(continuation(21, 13, 2))) << compute;
  }
  at::set_num_threads(before);
}

TEST(CachedDecoder, RefusesToOutgrowItsCache) {
  Writer writer("llama3_tiny", 1, 8);
  writer.extend(0, std::vector<TokenId>(8, 1));
  EXPECT_THROW(writer.extend(0, std::vector<TokenId>{1}), Error);
  EXPECT_EQ(writer.cache.length(0), 8);
}

TEST(PhaseArena, HandsOutAlignedPiecesUntilItIsEmpty) {
  PhaseArena arena(1000, at::kCPU);
  const at::Tensor a = arena.take({3, 5}, at::kFloat);
  const at::Tensor b = arena.take({7}, at::kBFloat16);
  EXPECT_EQ(a.sizes(), (std::vector<std::int64_t>{3, 5}));
  EXPECT_EQ(
      static_cast<const char*>(b.const_data_ptr()) - static_cast<const char*>(a.const_data_ptr()),
      64);
  try {
    arena.take({1000}, at::kFloat);
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kOutOfMemory);
  }
  arena.clear();
  EXPECT_EQ(arena.take({3, 5}, at::kFloat).const_data_ptr(), a.const_data_ptr());
}

TEST(PhaseArena, BorrowsTheBytesOfAnIdleArena) {
  const at::Tensor gradients = at::zeros({64}, at::kFloat);
  PhaseArena arena(gradients);
  EXPECT_EQ(arena.take({2}, at::kDouble).const_data_ptr(), gradients.const_data_ptr());
}

}  // namespace
}  // namespace polaris::nn
