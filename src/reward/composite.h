#pragma once

#include <optional>

#include "judge/judge.h"
#include "reward/reward_config.h"
#include "rl/types.h"

namespace polaris {

/// Rubric points of one story, with the rules that keep bonus and penalty in proportion.
struct StoryQuality {
  std::int64_t positive = 0;  ///< 0 ... 100
  std::int64_t negative = 0;  ///< 0 ... 151
  std::int64_t bonus = 0;     ///< after the floor
  std::int64_t penalty = 0;   ///< after the cap
  std::int64_t overall = 0;   ///< -159 ... 108
  bool bonus_floored = false;
  bool penalty_capped = false;

  double value(const StoryQualityRule& rule) const {
    return static_cast<double>(overall) / rule.divisor;
  }
};

/// Adds the dimensions up:
///
///   bonus = 0    if negative > positive / 2           (bonus_floor)
///   penalty = 3  if positive > 1.5 negative and penalty > 3    (penalty_cap)
///   overall = clamp(positive - negative + bonus - penalty, -159, 108)
///
/// Source: specs/recipe.md 6.2, specs/evaluation.md 2.3.
StoryQuality story_quality(std::int64_t positive, std::int64_t negative, std::int64_t bonus,
                           std::int64_t penalty, const StoryQualityRule& rule);
StoryQuality story_quality(const Verdict& verdict, const StoryQualityRule& rule);

/// The one scalar that GRPO sees (specs/recipe.md 6.5, 6.6):
///
///   clamp(w_sq SQ - w_r R - w_l L - w_b B + overlong + thinking, -clamp, clamp)
///
/// Absent if a part is absent that has a weight above 0: a missing score is missing. The overlong
/// and thinking parts count where they were computed.
std::optional<double> composite_reward(const RewardParts& parts, const RewardConfig& config);

}  // namespace polaris
