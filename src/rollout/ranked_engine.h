#pragma once

#include <memory>

#include "base/ranks.h"
#include "rollout/rollout_engine.h"

namespace polaris {

/// The engines of all ranks as one: each writes its share of a request (share_of(), in the order of
/// the request's sequences), and all get all of it. What is written does not depend on the number
/// of ranks.
class RankedEngine : public RolloutEngine {
 public:
  /// @param ranks  outlive this
  RankedEngine(std::unique_ptr<RolloutEngine> engine, Ranks& ranks)
      : engine_(std::move(engine)), ranks_(ranks) {}

  void use_policy(std::int64_t policy_version) override;

  /// @param on_rollout  called for what this rank wrote
  /// @throws JointError what the engine of one rank throws, on all
  std::vector<RolloutGroup> generate(const RolloutRequest& request,
                                     const OnRollout& on_rollout) override;

 private:
  std::unique_ptr<RolloutEngine> engine_;
  Ranks& ranks_;
  std::int64_t version_ = 0;
};

}  // namespace polaris
