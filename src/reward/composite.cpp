#include "reward/composite.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace polaris {

StoryQuality story_quality(std::int64_t positive, std::int64_t negative, std::int64_t bonus,
                           std::int64_t penalty, const StoryQualityRule& rule) {
  StoryQuality quality{
      .positive = positive, .negative = negative, .bonus = bonus, .penalty = penalty};
  if (rule.bonus_floor && 2 * negative > positive) {
    quality.bonus_floored = bonus != 0;
    quality.bonus = 0;
  }
  if (2 * positive > 3 * negative && penalty > rule.penalty_cap) {
    quality.penalty_capped = true;
    quality.penalty = rule.penalty_cap;
  }
  quality.overall =
      std::clamp<std::int64_t>(positive - negative + quality.bonus - quality.penalty, -159, 108);
  return quality;
}

StoryQuality story_quality(const Verdict& verdict, const StoryQualityRule& rule) {
  const auto total = [](const auto& points) {
    return std::accumulate(points.begin(), points.end(), std::int64_t{0});
  };
  return story_quality(total(verdict.positive), total(verdict.negative), verdict.bonus,
                       verdict.penalty, rule);
}

std::optional<double> composite_reward(const RewardParts& parts, const RewardConfig& config) {
  double reward = parts.overlong.value_or(0.0) + parts.thinking.value_or(0.0);
  for (const auto& [part, weight] :
       {std::pair{parts.story_quality, config.story_quality},
        std::pair{parts.self_repetition, -config.self_repetition},
        std::pair{parts.length, -config.length}, std::pair{parts.blank, -config.blank}}) {
    if (weight == 0.0) continue;
    if (!part) return std::nullopt;
    reward += weight * *part;
  }
  return std::clamp(reward, -config.clamp, config.clamp);
}

}  // namespace polaris
