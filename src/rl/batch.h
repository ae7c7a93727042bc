#pragma once

#include <span>
#include <string>
#include <vector>

#include "rl/advantage.h"
#include "rl/loss.h"
#include "rl/types.h"

namespace polaris {

/// What became of one group.
struct GroupOutcome {
  /// [G] final advantage of each rollout (the HRI weight is in it); absent: not in the update
  std::vector<std::optional<double>> advantages;
  double reference_advantage_unweighted = 0.0;  ///< before the HRI weight; 0 without a reference
  bool zero_spread = false;
  bool dropped = false;  ///< too few scored policy rollouts to compare
};

struct BuiltBatch {
  Batch batch;
  std::vector<GroupOutcome> groups;  ///< one per scored group, in order
};

struct BatchRules {
  AdvantageConfig advantage;
  Normaliser normaliser = Normaliser::kTokenMean;
  double hri_weight = 0.0;
  /// A group with fewer scored policy rollouts is dropped (2: a lone survivor says nothing).
  std::size_t min_policy_rollouts = 2;
};

/// Turns scored groups into update rows with final advantages and coefficients. A rollout without
/// a reward is left out of its group's statistics and of the update; so is a rollout without
/// tokens. Nothing is ever put in place of a missing reward.
/// @throws Error{kInternal} if a group holds more or fewer scores than rollouts
BuiltBatch build_batch(std::span<const ScoredGroup> groups, const BatchRules& rules);

}  // namespace polaris
