#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "rl/types.h"
#include "rollout/rollout_config.h"

namespace polaris {

/// A finished rollout: `sample` of the prompt at `prompt_index` of the request.
using OnRollout =
    std::function<void(std::size_t prompt_index, std::size_t sample, const Rollout& rollout)>;

/// What a request for rollouts is: the answers are a function of it and of the policy's weights,
/// whatever the batching.
struct RolloutRequest {
  std::span<const Prompt> prompts;
  std::size_t rollouts_per_prompt = 1;
  /// Sequences that are not wanted stay empty in the answer. They are counted through the prompts
  /// and within one through its samples: left out are the first `skip`, and all behind the next
  /// `take`, if that is there.
  std::size_t skip = 0;
  std::optional<std::size_t> take;
  std::int64_t step = 0;  ///< distinguishes the random streams of one prompt; 0 = validation
  SamplingConfig sampling;

  /// Behind the last sequence that is wanted.
  std::size_t end() const;

  /// @throws Error{kInternal} for a request that asks for nothing of its prompts
  void check() const;
};

/// Samples answers from a policy. Implementations: FakeEngine, a local one that shares the
/// learner's weights, and a remote server.
class RolloutEngine {
 public:
  virtual ~RolloutEngine() = default;

  /// Makes the following generate() calls use the weights of `policy_version`.
  virtual void use_policy(std::int64_t policy_version) = 0;

  /// @param on_rollout  called on the caller's thread as soon as a rollout is finished, in any
  ///                    order, so that judging starts while others are still being written
  /// @return one group per prompt, in order, stamped with the policy version
  /// @throws Error{kOutOfMemory, kUnavailable, kInterrupted}
  virtual std::vector<RolloutGroup> generate(const RolloutRequest& request,
                                             const OnRollout& on_rollout) = 0;
};

}  // namespace polaris
