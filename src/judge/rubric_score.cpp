#include "judge/rubric_score.h"

#include <algorithm>
#include <numeric>

namespace polaris {
namespace {

ClaimedTotals totals_of(const Verdict& verdict) {
  if (verdict.claimed) return *verdict.claimed;
  const auto sum = [](const auto& points) {
    return static_cast<double>(std::accumulate(points.begin(), points.end(), std::int64_t{0}));
  };
  return {.positive = sum(verdict.positive),
          .negative = sum(verdict.negative),
          .bonus = static_cast<double>(verdict.bonus),
          .penalty = static_cast<double>(verdict.penalty)};
}

}  // namespace

RubricScore rubric_score(const Verdict& verdict, const ScoreRule& rule) {
  const ClaimedTotals totals = totals_of(verdict);
  const auto cap = static_cast<double>(rule.penalty_cap);
  RubricScore score{.positive = totals.positive,
                    .negative = totals.negative,
                    .bonus = totals.bonus,
                    .penalty = totals.penalty};
  score.bonus_floored = rule.bonus_floor && totals.negative > totals.positive / 2;
  score.penalty_capped = totals.positive > 1.5 * totals.negative && totals.penalty > cap;
  if (score.bonus_floored) score.bonus = 0.0;
  if (score.penalty_capped) score.penalty = cap;
  const double merits = totals.positive - totals.negative;
  score.overall = std::clamp(merits + score.bonus - score.penalty, kLowestOverall, kHighestOverall);
  score.overall_reference_eval = std::min(merits + totals.bonus, 100.0);
  return score;
}

bool is_disqualified(const Verdict& verdict, std::int64_t story_words,
                     std::optional<std::int64_t> target_words) {
  constexpr std::size_t kIncoherence = 1;  // N2
  constexpr std::size_t kOverwrought = 9;  // N10
  constexpr double kLeastShare = 0.4;
  if (verdict.negative[kIncoherence] >= 7 || verdict.negative[kOverwrought] >= 8) return true;
  return target_words &&
         static_cast<double>(story_words) < kLeastShare * static_cast<double>(*target_words);
}

}  // namespace polaris
