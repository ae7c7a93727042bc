// The arithmetic of specs/performance.md 0.1, A.6 and A.8, for any model: what a bar's bound is
// made of.
#pragma once

#include <cstdint>

#include "nn/parameter_layout.h"
#include "weights/model_config.h"

namespace polaris::nn {

/// Sequences of one length.
struct Texts {
  std::int64_t count = 0, length = 0;

  std::int64_t tokens() const { return count * length; }
};

/// FLOP of the delta rule of one layer forward, per token.
inline double delta_flop(const LinearAttentionConfig& c) {
  constexpr std::int64_t kChunk = 64;
  const std::int64_t k = c.key_head_dim, v = c.value_head_dim;
  return 2.0 * static_cast<double>(c.value_heads *
                                   (2 * kChunk * (k + v) + 3 * k * v + kChunk * kChunk / 3));
}

/// FLOP of a forward pass. @param scored  tokens that go through the head
inline double forward_flop(const ModelConfig& config, const Texts& texts, std::int64_t scored) {
  const ParameterLayout layout(config);
  double per_token = 0.0;
  for (const Parameter& parameter : layout.parameters()) {
    if (parameter.name.starts_with("layers."))
      per_token += 2.0 * static_cast<double>(parameter.range.count);
  }
  for (const LayerKind kind : config.layers) {
    per_token +=
        kind == LayerKind::kLinearAttention
            ? delta_flop(*config.linear_attention)
            : 2.0 * static_cast<double>(config.attention_heads * config.head_dim * texts.length);
  }
  return static_cast<double>(texts.tokens()) * per_token +
         2.0 * static_cast<double>(config.vocab_size * config.hidden_size * scored);
}

/// Bytes that kernels of the delta rule (A.8), which read and write bfloat16, move for one layer:
/// q, k, v, o and the states at the starts of chunks.
inline double delta_forward_bytes(const LinearAttentionConfig& c, const Texts& texts) {
  const std::int64_t states = c.key_head_dim * c.value_dim() / 64;
  return 2.0 * static_cast<double>(texts.tokens() * (2 * c.key_dim() + 2 * c.value_dim() + states));
}

/// The same backward. The reverse scan reads q, k, dO, A, P and writes G and dR; behind it q, k, H,
/// G, dO, U, dR are read, dq, dk, dv written.
inline double delta_backward_bytes(const LinearAttentionConfig& c, const Texts& texts) {
  const std::int64_t states = c.key_head_dim * c.value_dim() / 64;
  const std::int64_t squares = 64 * c.value_heads;
  return 2.0 * static_cast<double>(texts.tokens() * (6 * c.key_dim() + 6 * c.value_dim() +
                                                     2 * squares + 3 * states));
}

}  // namespace polaris::nn
