#include "nn/internal/slot_decoder.h"

#include <ATen/Context.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <cstring>

#include "nn/cuda/slot_state.h"
#include "nn/internal/cached_decoder.h"
#include "nn/internal/golden_testing.h"
#include "nn/internal/model.h"

namespace polaris::nn {
namespace {

class SlotDecoderTest : public testing::TestWithParam<at::DeviceType> {
 protected:
  void SetUp() override {
    if (GetParam() == at::kCUDA && !at::hasCUDA()) GTEST_SKIP() << "no CUDA device";
  }
};

INSTANTIATE_TEST_SUITE_P(Devices, SlotDecoderTest, testing::Values(at::kCPU, at::kCUDA),
                         [](const auto& info) {
                           return std::string(info.param == at::kCPU ? "Cpu" : "Cuda");
                         });

constexpr std::int64_t kSlots = 5, kMaxTokens = 48, kSteps = 12;

TokenId token_of(std::int64_t slot, std::int64_t step) {
  return static_cast<TokenId>((31 * slot + 17 * step + 5) % 300);
}

/// A model with sequences of different lengths in slots 0, 2 and 4.
struct Sequences {
  Sequences(const ModelFolder& folder, const ModelConfig& config, at::ScalarType type,
            at::Device device)
      : store(ParameterLayout(config), {.device = device, .compute = type}),
        decoder(config, store),
        arena(DecoderCache::bytes(config, kSlots, kMaxTokens, type), device),
        cache(config, kSlots, kMaxTokens, type, arena) {
    load_weights(store, folder);
  }

  void prefill() {
    for (const std::int64_t slot : {0, 2, 4}) {
      std::vector<TokenId> prompt;
      for (std::int64_t i = 0; i < 1 + 7 * slot; ++i) prompt.push_back(token_of(slot + 9, i));
      extend(decoder, cache, std::vector{CachePiece{.slot = slot, .tokens = prompt}});
    }
  }

  ParameterStore store;
  Decoder decoder;
  PhaseArena arena;
  DecoderCache cache;
};

/// Logits of rows 0, 2 and 3, which are slots 4, 0 and 2, by steps of a SlotDecoder.
at::Tensor by_slots(Sequences& sequences, const SlotDecoder& steps) {
  const at::Device device = sequences.decoder.head().value.device();
  const at::Tensor slots = at::tensor({4, -1, 0, 2}, at::kInt).to(device);
  at::Tensor host = at::zeros({kSlots, cuda::kSlotInts}, at::kInt);
  const auto states = [&] {
    return reinterpret_cast<cuda::SlotState*>(host.mutable_data_ptr<std::int32_t>());
  };
  for (const std::int64_t slot : {0, 2, 4})
    states()[slot] = {.status = cuda::SlotStatus::kWriting,
                      .length = static_cast<std::int32_t>(sequences.cache.length(slot))};
  const at::Tensor all = at::empty({kSteps, 3, sequences.decoder.config().vocab_size}, at::kFloat);
  for (std::int64_t step = 0; step < kSteps; ++step) {
    for (std::int64_t slot = 0; slot < kSlots; ++slot) states()[slot].next = token_of(slot, step);
    const at::Tensor on_device = host.to(device, at::kInt, /*non_blocking=*/false, /*copy=*/true);
    const at::Tensor logits = steps.step(slots, on_device).cpu();
    host = on_device.cpu();
    all[step][0].copy_(logits[0]);
    all[step][1].copy_(logits[2]);
    all[step][2].copy_(logits[3]);
  }
  EXPECT_EQ(states()[4].length, sequences.cache.length(4) + kSteps);
  EXPECT_EQ(states()[1].length, 0);
  return all;
}

/// The same by extend(), one sequence after the other.
at::Tensor by_pieces(Sequences& sequences) {
  const at::Tensor all = at::empty({kSteps, 3, sequences.decoder.config().vocab_size}, at::kFloat);
  for (std::int64_t step = 0; step < kSteps; ++step) {
    std::int64_t row = 0;
    for (const std::int64_t slot : {4, 0, 2}) {
      const std::vector<TokenId> token = {token_of(slot, step)};
      const CachePiece piece{.slot = slot, .tokens = token};
      all[step][row++].copy_(logits(
          sequences.decoder, extend(sequences.decoder, sequences.cache, std::vector{piece}))[0]);
    }
  }
  return all;
}

/// @param near  relative to the largest
void compare(const ModelFolder& folder, const ModelConfig& config, at::ScalarType type,
             at::Device device, double near) {
  Sequences expected(folder, config, type, at::kCPU), actual(folder, config, type, device);
  expected.prefill();
  const SlotDecoder steps(actual.decoder, actual.cache);
  actual.prefill();
  EXPECT_LT(relative_difference(by_slots(actual, steps), by_pieces(expected)), near);
  for (std::size_t i = 0; i < config.layers.size(); ++i) {
    const LayerCache &a = actual.cache.layer(i), &b = expected.cache.layer(i);
    for (const std::int64_t slot : {0, 2, 4}) {
      if (b.state.defined()) {
        EXPECT_LT(relative_difference(a.state[slot], b.state[slot]), near);
        EXPECT_LT(relative_difference(a.conv[slot], b.conv[slot]), near);
      } else {
        const auto used = [&](const at::Tensor& slab) {
          return slab[slot].narrow(0, 0, expected.cache.length(slot));
        };
        EXPECT_LT(relative_difference(used(a.keys), used(b.keys)), near);
        EXPECT_LT(relative_difference(used(a.values), used(b.values)), near);
      }
    }
  }
}

TEST_P(SlotDecoderTest, StepsAreThoseOfTheCachedDecoder) {
  for (const char* name : {"qwen3_5_tiny", "qwen3_5_tiny_tied", "qwen3_5_tiny_gva3", "llama3_tiny",
                           "qwen3_tiny", "mistral_tiny"}) {
    const ModelFolder folder(golden_folder(name));
    compare(folder, folder.config(), at::kFloat, GetParam(), 2e-5);
    // Both round every layer's result, at different places.
    compare(folder, folder.config(), at::kBFloat16, GetParam(), 4e-2);
  }
}

TEST_P(SlotDecoderTest, ASlidingWindowForgets) {
  const ModelFolder folder(golden_folder("mistral_tiny"));
  ModelConfig config = folder.config();
  config.sliding_window = 6;
  compare(folder, config, at::kFloat, GetParam(), 2e-5);
  compare(folder, config, at::kBFloat16, GetParam(), 4e-2);
}

TEST(SlotDecoder, SaysWhichHeadsItHasNoKernelsFor) {
  ModelConfig config = ModelFolder(golden_folder("qwen3_5_tiny")).config();
  EXPECT_TRUE(SlotDecoder::supports(config));
  config.linear_attention->key_head_dim = config.linear_attention->value_head_dim = 128;
  EXPECT_TRUE(SlotDecoder::supports(config));
  config.linear_attention->value_head_dim = 256;
  EXPECT_FALSE(SlotDecoder::supports(config));
  config.linear_attention.reset();
  EXPECT_TRUE(SlotDecoder::supports(config));
}

}  // namespace
}  // namespace polaris::nn
