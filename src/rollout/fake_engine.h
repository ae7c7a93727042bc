#pragma once

#include <cstdint>

#include "nn/toy_policy.h"
#include "rollout/rollout_engine.h"

namespace polaris {

/// Lets a ToyPolicy write: 10 to 30 words and an end. What it writes depends on the seed, the
/// request and the policy only; rollouts are handed over last first, as a real batch might be.
class FakeEngine : public RolloutEngine {
 public:
  /// `policy` is borrowed, as a real engine borrows the learner's weights.
  FakeEngine(const ToyPolicy& policy, std::uint64_t seed) : policy_(policy), seed_(seed) {}

  void use_policy(std::int64_t policy_version) override { version_ = policy_version; }
  std::vector<RolloutGroup> generate(const RolloutRequest& request,
                                     const OnRollout& on_rollout) override;

 private:
  Rollout write(const RolloutRequest& request, const ToyDistribution& words, const Prompt& prompt,
                std::size_t sample) const;

  const ToyPolicy& policy_;
  std::uint64_t seed_;
  std::int64_t version_ = 0;
};

/// The words of a toy story: what FakeJudge reads.
std::string toy_text(const std::vector<TokenId>& tokens);

}  // namespace polaris
