#pragma once

#include <optional>
#include <span>
#include <vector>

#include "base/config.h"
#include "rl/types.h"

namespace polaris {

struct AdvantageConfig {
  double epsilon = 1e-6;
  double sd_floor = 0.05;
  double reference_cap = 5.0;

  void fields(FieldList& list);
};

struct GroupAdvantages {
  /// [G] dimensionless; absent where the row takes no part in the update
  std::vector<std::optional<double>> values;
  double mean = 0.0;  ///< of the policy rewards
  double sd = 1.0;    ///< n - 1 in the denominator, before the floor
  bool zero_spread = false;
};

/// Group-relative advantages (GRPO) with the human reference outside the statistics (HRI):
///
///   A[i] = (reward[i] - mean) / (max(sd, sd_floor) + epsilon)
///
/// mean and sd run over the kPolicy members; the kReference member is measured against them and
/// clamped to +-reference_cap (0: no cap). A lone policy member gets mean 0, sd 1; without any the
/// statistics run over the whole group (both as published).
///
/// When the policy rewards do not differ (sd < 1e-4) and there is a floor, the policy rows have
/// nothing to say: they take no part, and A_ref = clamp((reward - mean) / sd_floor).
/// With sd_floor = 0 and reference_cap = 0 this is the published rule, spikes included.
///
/// @param rewards  [G] one scalar per rollout, finite
/// @param origins  [G] who wrote it
/// @throws Error{kInternal} if the sizes differ or a reward is not finite
/// Source: arXiv:2606.04095; specs/recipe.md 7.1.
GroupAdvantages group_advantages(std::span<const double> rewards, std::span<const Origin> origins,
                                 const AdvantageConfig& config);

}  // namespace polaris
