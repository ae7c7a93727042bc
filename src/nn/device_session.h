#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/random.h"
#include "base/token_id.h"
#include "nn/policy.h"

namespace polaris {

/// How a DeviceSession draws tokens, and when a sequence ends. Names as in rollout's
/// SamplingConfig, whose order of filters it keeps; it has no DRY.
struct DrawConfig {
  double temperature = 1.0;
  double top_p = 1.0;
  std::int64_t top_k = 0;
  double min_p = 0.0;
  double repetition_penalty = 1.0;
  double presence_penalty = 0.0;
  double frequency_penalty = 0.0;
  std::int64_t max_new_tokens = 0;
  std::int64_t min_new_tokens = 0;
  std::int64_t vocabulary = 0;       ///< ids from here on are padding: never drawn
  std::vector<TokenId> stop_tokens;  ///< not drawn before min_new_tokens
  bool stops_end = true;             ///< a stop token ends its sequence
  bool uses_graphs = false;          ///< a step is a CUDA graph; GPUs only
};

/// A token, in nats as Rollout has it.
struct DeviceToken {
  TokenId token = 0;
  float logprob = 0.0F;
  float sampled_logprob = 0.0F;
};

/// What a sequence got.
struct DeviceProgress {
  std::int64_t slot = 0;
  std::vector<DeviceToken> tokens;
  bool is_damaged = false;  ///< behind these tokens the logits were no finite numbers
};

/// Sequences that a policy writes on its own device, one per slot: tokens are drawn, appended and
/// tested for the end there, and the host looks at them every few steps (specs/performance.md C.3).
/// On a CPU it is slow, and for tests: DecodeSession and rollout's Sampler do the same there.
///
/// Every token is a function of the sequence's stream, position and logits, as the Sampler's; the
/// logits depend in their last bits on what else is written beside it.
class DeviceSession {
 public:
  static constexpr std::int64_t kMostSteps = 16;

  /// @param max_tokens  of a sequence, prompt included
  /// @throws Error{kOutOfMemory}
  DeviceSession(const Policy& policy, std::int64_t slots, std::int64_t max_tokens,
                const DrawConfig& config);
  ~DeviceSession();
  DeviceSession(DeviceSession&&) noexcept;
  DeviceSession& operator=(DeviceSession&&) noexcept;

  /// Whether it can write with this policy: not all head sizes have kernels, and not float64.
  static bool supports(const Policy& policy);

  /// Whether the policy is on a GPU.
  static bool is_on_gpu(const Policy& policy);

  /// Memory that one slot takes.
  static std::int64_t bytes_per_slot(const Policy& policy, std::int64_t max_tokens,
                                     const DrawConfig& config);

  /// The slot becomes `prompt`, behind which start() begins sequences.
  /// @throws Error{kInvalidData} for an empty prompt or an id outside the vocabulary
  void begin(std::int64_t slot, std::span<const TokenId> prompt);

  /// Slot `to`, where nothing is written, goes on behind the prompt that was begun last, and draws
  /// its first token.
  void start(std::int64_t to, const StreamId& stream);

  /// Every sequence that was started and has not ended gets up to `steps` more tokens.
  /// @param steps  at most kMostSteps
  /// @return       what all sequences got since the last call, in the order in which they were
  ///               started. One that ended is then forgotten.
  std::vector<DeviceProgress> advance(std::int64_t steps);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace polaris
