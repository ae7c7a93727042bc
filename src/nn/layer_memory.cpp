#include "nn/layer_memory.h"

#include <fmt/format.h>

#include <algorithm>

namespace polaris {
namespace {

constexpr std::int64_t kChunk = 64;  // tokens, specs/performance.md A.7
constexpr std::int64_t kFloat32 = 4;

/// Bytes per token of a part of a layer. `forward` and `backward` come on top of `saved`.
struct Part {
  std::int64_t saved = 0;
  std::int64_t forward = 0;
  std::int64_t backward = 0;
};

Part delta_rule(const LinearAttentionConfig& linear) {
  const std::int64_t heads = linear.value_heads;
  const std::int64_t keys = linear.key_head_dim * heads;  // expanded to the value heads
  const std::int64_t values = linear.value_dim();
  const std::int64_t square = kChunk * heads;
  const std::int64_t states = linear.key_head_dim * values / kChunk;
  return {.saved = kFloat32 * (square + values + states),
          .forward = kFloat32 * (2 * keys + 2 * values + square),
          .backward = kFloat32 * (3 * keys                    // q, k, and q as it reads a state
                                  + 2 * values + states       // dO, dV, dH
                                  + 3 * square                // D, P, L
                                  + 2 * square + 2 * keys)};  // Y, Z, dQ, dK  // Y, Z, dQ, dK
}

Part full_attention(const ModelConfig& config, std::int64_t width) {
  const std::int64_t queries = config.attention_heads * config.head_dim;
  const std::int64_t keys = config.key_value_heads * config.head_dim;
  const std::int64_t gate = config.has_output_gate() ? queries : 0;
  const std::int64_t rows = queries + gate + 2 * keys;
  const std::int64_t hidden = config.hidden_size;
  return {.saved = width * (hidden + rows + queries + keys + queries + gate + hidden),
          .backward = width * (2 * queries + 2 * keys + rows + hidden)};
}

Part linear_attention(const ModelConfig& config, std::int64_t width) {
  const LinearAttentionConfig& linear = *config.linear_attention;
  const std::int64_t channels = linear.conv_dim();
  const std::int64_t values = linear.value_dim();
  const std::int64_t rows = channels + values + 2 * linear.value_heads;
  const std::int64_t hidden = config.hidden_size;
  Part part = delta_rule(linear);
  part.saved += width * (hidden + rows + channels + 2 * values + hidden);
  part.backward += width * (2 * values + channels + hidden);
  return part;
}

Part feed_forward(const ModelConfig& config, std::int64_t width) {
  const std::int64_t hidden = config.hidden_size;
  const std::int64_t inner = config.intermediate_size;
  return {.saved = width * (hidden + 3 * inner + hidden),
          .backward = width * (3 * inner + 2 * hidden)};
}

}  // namespace

LayerMemory& LayerMemory::operator+=(const LayerMemory& other) {
  saved += other.saved;
  peak += other.peak;
  inference += other.inference;
  return *this;
}

LayerMemory delta_rule_memory(const LinearAttentionConfig& linear) {
  const Part part = delta_rule(linear);
  return {.saved = part.saved,
          .peak = part.saved + std::max(part.forward, part.backward),
          .inference = part.saved + part.forward};
}

LayerMemory layer_memory(const ModelConfig& config, LayerKind kind, std::int64_t width) {
  const Part mixer = kind == LayerKind::kLinearAttention ? linear_attention(config, width)
                                                         : full_attention(config, width);
  const Part mlp = feed_forward(config, width);
  const std::int64_t saved = mixer.saved + mlp.saved;
  return {
      .saved = saved,
      .peak = std::max(saved + mlp.backward, mixer.saved + std::max(mixer.forward, mixer.backward)),
      .inference = std::max(mixer.saved + mixer.forward, mlp.saved)};
}

LayerMemory adapter_memory(const LoraLayout& layout, std::size_t layer, std::int64_t width) {
  const std::string prefix = fmt::format("layers.{}.", layer);
  std::int64_t low = 0, widest = 0;
  for (const LoraTarget& target : layout.targets) {
    if (!target.module.starts_with(prefix)) continue;
    low += width * layout.rank;
    if (width < kFloat32) widest = std::max({widest, kFloat32 * target.in, kFloat32 * target.out});
  }
  return {.saved = low, .peak = 2 * low + widest, .inference = low + widest};
}

}  // namespace polaris
