#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "base/token_id.h"
#include "nn/decode_weights.h"

namespace polaris {

/// Sequences that a policy is writing, one per slot, each with the state that its next token needs.
///
/// On the CPU the logits of a sequence depend on its tokens and on the weights only, bit for bit:
/// not on the other slots, nor on the number of threads.
class DecodeSession {
 public:
  /// @param max_tokens  of a sequence, prompt included
  /// @throws Error{kOutOfMemory}
  DecodeSession(const DecodeWeights& weights, std::int64_t slots, std::int64_t max_tokens);
  ~DecodeSession();
  DecodeSession(DecodeSession&&) noexcept;
  DecodeSession& operator=(DecodeSession&&) noexcept;

  /// Memory that one slot takes.
  static std::int64_t bytes_per_slot(const DecodeWeights& weights, std::int64_t max_tokens);

  /// Memory that slots could take on the policy's device now; nothing where the system does not
  /// say.
  static std::optional<std::int64_t> available_bytes(const Policy& policy);

  std::int64_t slots() const;
  std::int64_t max_tokens() const;

  /// The slot's sequence becomes `tokens`.
  /// @return [vocab] logits behind the last of them, the caller's until the next call
  /// @throws Error{kInvalidData} for an empty sequence or an id outside the vocabulary
  std::span<float> begin(std::int64_t slot, std::span<const TokenId> tokens);

  /// Slot `to` becomes a copy of slot `from`: both go on from the same prompt.
  void copy(std::int64_t from, std::int64_t to);

  /// Every one of `slots`, all different and begun, gets one more token.
  /// @param tokens  [slots]
  /// @return        [slots, vocab] logits behind them, the caller's until the next call
  std::span<float> step(std::span<const std::int64_t> slots, std::span<const TokenId> tokens);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace polaris
