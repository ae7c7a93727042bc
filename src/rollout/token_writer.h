#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include "base/random.h"
#include "nn/decode_weights.h"
#include "nn/device_session.h"
#include "rollout/rollout_config.h"
#include "rollout/sampler.h"

namespace polaris {

/// Writes sequences side by side, one per slot: the model's steps, and the draws between them. Who
/// ends a sequence is the caller; the writer may know before.
class TokenWriter {
 public:
  using OnToken = std::function<void(std::int64_t slot, const DrawnToken& drawn)>;

  virtual ~TokenWriter() = default;

  /// The prompt behind which sequences are started next.
  /// @throws Error{kInvalidData} for an empty one or an id outside the vocabulary
  virtual void read_prompt(std::span<const TokenId> tokens) = 0;

  /// A sequence begins in a slot that has none. It may get its first token now.
  virtual void start(std::int64_t slot, const StreamId& stream, const OnToken& on_token) = 0;

  /// Every sequence gets at least one token more, unless it has been ended on the way.
  /// @throws Error{kInvalidData} if the logits are not finite
  virtual void advance(const OnToken& on_token) = 0;

  /// The slot's sequence has ended: it gets no more tokens.
  virtual void finish(std::int64_t slot) = 0;
};

/// The model where it is, the draws here.
class HostTokenWriter : public TokenWriter {
 public:
  /// Slots are 0 .. slots - 1. @param vocabulary  outlives this
  HostTokenWriter(const DecodeWeights& weights, std::int64_t slots, std::int64_t max_tokens,
                  const SamplingConfig& sampling, const SamplerVocabulary& vocabulary);
  ~HostTokenWriter() override;

  void read_prompt(std::span<const TokenId> tokens) override;
  void start(std::int64_t slot, const StreamId& stream, const OnToken& on_token) override;
  void advance(const OnToken& on_token) override;
  void finish(std::int64_t slot) override;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

/// Both where the model is. A few tokens are drawn for every sequence before the host hears of
/// them.
class DeviceTokenWriter : public TokenWriter {
 public:
  static constexpr std::int64_t kSteps = 4;  ///< between two looks (specs/performance.md C.3)

  DeviceTokenWriter(const Policy& policy, std::int64_t slots, std::int64_t max_tokens,
                    const DrawConfig& config)
      : session_(policy, slots + 1, max_tokens, config), prompt_slot_(slots) {}

  /// Whether it draws as this asks for: it has no DRY, and not all heads have kernels.
  static bool supports(const Policy& policy, const SamplingConfig& sampling) {
    return sampling.dry_multiplier == 0 && DeviceSession::supports(policy);
  }

  void read_prompt(std::span<const TokenId> tokens) override {
    session_.begin(prompt_slot_, tokens);
  }
  void start(std::int64_t slot, const StreamId& stream, const OnToken& /*on_token*/) override {
    session_.start(slot, stream);
  }
  void advance(const OnToken& on_token) override;
  void finish(std::int64_t /*slot*/) override {}  // it has noticed

 private:
  DeviceSession session_;
  std::int64_t prompt_slot_;
};

/// @param stops_end  false: stop tokens are drawn like others and end nothing
DrawConfig draw_config(const SamplingConfig& sampling, const SamplerVocabulary& vocabulary,
                       bool stops_end);

}  // namespace polaris
