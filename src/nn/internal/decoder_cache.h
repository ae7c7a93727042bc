#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "nn/internal/phase_arena.h"
#include "weights/model_config.h"

namespace polaris::nn {

/// What one layer remembers of the sequences in its slots (specs/qwen3_5.md 3.7).
struct LayerCache {
  at::Tensor keys, values;  ///< full attention: [slots, max_tokens, Hkv, d], keys rotated
  at::Tensor conv;   ///< linear attention: [slots, kernel - 1, C] rows before the convolution
  at::Tensor state;  ///< linear attention: [slots, Hv, K, V] float32
};

/// The state of sequences that are being written, one per slot.
class DecoderCache {
 public:
  /// @param type   of keys, values and convolution rows: the model's compute type
  /// @param arena  the slabs are taken from it
  /// @throws Error{kOutOfMemory}
  DecoderCache(const ModelConfig& config, std::int64_t slots, std::int64_t max_tokens,
               at::ScalarType type, PhaseArena& arena);

  /// What the constructor takes from an arena.
  static std::int64_t bytes(const ModelConfig& config, std::int64_t slots, std::int64_t max_tokens,
                            at::ScalarType type);

  std::int64_t slots() const { return static_cast<std::int64_t>(lengths_.size()); }
  std::int64_t max_tokens() const { return max_tokens_; }

  /// Tokens that the sequence in a slot has so far.
  std::int64_t length(std::int64_t slot) const { return lengths_.at(slot); }

  /// The slot begins a new sequence.
  void clear(std::int64_t slot);

  /// Slot `to` becomes a copy of slot `from`: both go on from the same prompt.
  void copy(std::int64_t from, std::int64_t to);

  /// `tokens` more are in the slot's layers. @throws Error{kInternal} beyond max_tokens()
  void advance(std::int64_t slot, std::int64_t tokens);

  const LayerCache& layer(std::size_t index) const { return layers_[index]; }

 private:
  std::int64_t max_tokens_;
  std::vector<std::int64_t> lengths_;
  std::vector<LayerCache> layers_;
};

}  // namespace polaris::nn
