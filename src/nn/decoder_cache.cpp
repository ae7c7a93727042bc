#include "nn/internal/decoder_cache.h"

#include <array>

#include "base/error.h"

namespace polaris::nn {
namespace {

using Shape4 = std::array<std::int64_t, 4>;
using Shape3 = std::array<std::int64_t, 3>;

Shape4 key_shape(const ModelConfig& config, std::int64_t slots, std::int64_t max_tokens) {
  return {slots, max_tokens, config.key_value_heads, config.head_dim};
}

Shape3 conv_shape(const LinearAttentionConfig& linear, std::int64_t slots) {
  return {slots, linear.conv_kernel - 1, linear.conv_dim()};
}

Shape4 state_shape(const LinearAttentionConfig& linear, std::int64_t slots) {
  return {slots, linear.value_heads, linear.key_head_dim, linear.value_head_dim};
}

at::ScalarType state_type(at::ScalarType type) {
  return type == at::kDouble ? at::kDouble : at::kFloat;
}

}  // namespace

DecoderCache::DecoderCache(const ModelConfig& config, std::int64_t slots, std::int64_t max_tokens,
                           at::ScalarType type, PhaseArena& arena)
    : max_tokens_(max_tokens), lengths_(static_cast<std::size_t>(slots), 0) {
  POLARIS_CHECK(slots > 0 && max_tokens > 0, "{} slots of {} tokens", slots, max_tokens);
  for (const LayerKind kind : config.layers) {
    LayerCache& layer = layers_.emplace_back();
    if (kind == LayerKind::kLinearAttention) {
      const LinearAttentionConfig& linear = *config.linear_attention;
      layer.conv = arena.take(conv_shape(linear, slots), type).zero_();
      layer.state = arena.take(state_shape(linear, slots), state_type(type)).zero_();
    } else {
      layer.keys = arena.take(key_shape(config, slots, max_tokens), type);
      layer.values = arena.take(key_shape(config, slots, max_tokens), type);
    }
  }
}

std::int64_t DecoderCache::bytes(const ModelConfig& config, std::int64_t slots,
                                 std::int64_t max_tokens, at::ScalarType type) {
  std::int64_t total = 0;
  for (const LayerKind kind : config.layers) {
    if (kind == LayerKind::kLinearAttention) {
      const LinearAttentionConfig& linear = *config.linear_attention;
      total += PhaseArena::bytes_for(conv_shape(linear, slots), type);
      total += PhaseArena::bytes_for(state_shape(linear, slots), state_type(type));
    } else {
      total += 2 * PhaseArena::bytes_for(key_shape(config, slots, max_tokens), type);
    }
  }
  return total;
}

void DecoderCache::clear(std::int64_t slot) {
  lengths_.at(slot) = 0;
  for (const LayerCache& layer : layers_) {
    if (!layer.state.defined()) continue;
    layer.conv.select(0, slot).zero_();
    layer.state.select(0, slot).zero_();
  }
}

void DecoderCache::copy(std::int64_t from, std::int64_t to) {
  if (from == to) return;
  const std::int64_t length = lengths_.at(from);
  lengths_.at(to) = length;
  for (const LayerCache& layer : layers_) {
    for (const at::Tensor& slab : {layer.conv, layer.state}) {
      if (slab.defined()) slab.select(0, to).copy_(slab.select(0, from));
    }
    for (const at::Tensor& slab : {layer.keys, layer.values}) {
      if (slab.defined())
        slab.select(0, to).narrow(0, 0, length).copy_(slab.select(0, from).narrow(0, 0, length));
    }
  }
}

void DecoderCache::advance(std::int64_t slot, std::int64_t tokens) {
  POLARIS_CHECK(lengths_.at(slot) + tokens <= max_tokens_, "slot {} holds {} of {} tokens", slot,
                lengths_[slot], max_tokens_);
  lengths_[slot] += tokens;
}

}  // namespace polaris::nn
