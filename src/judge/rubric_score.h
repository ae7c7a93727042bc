#pragma once

#include <cstdint>
#include <optional>

#include "judge/judge.h"

namespace polaris {

inline constexpr double kLowestOverall = -159;
inline constexpr double kHighestOverall = 108;

/// How points become one number (specs/config.md [reward.story_quality_rule]).
struct ScoreRule {
  bool bonus_floor = true;
  std::int64_t penalty_cap = 3;
};

/// A verdict added up. Numbers are whole unless the judge claimed fractions.
struct RubricScore {
  double positive = 0.0;  ///< 0 ... 100
  double negative = 0.0;  ///< 0 ... 151
  double bonus = 0.0;     ///< after the floor
  double penalty = 0.0;   ///< after the cap
  double overall = 0.0;   ///< -159 ... 108
  bool bonus_floored = false;
  bool penalty_capped = false;

  /// What the published evaluation shows as overall score: no floor, no cap, no penalty, at most
  /// 100 (golden/eval `sq_parse_response`).
  double overall_reference_eval = 0.0;
};

/// Adds up a verdict's points, or takes the totals that it claims:
///
///   bonus = 0        if negative > positive / 2                       (bonus_floor)
///   penalty = cap    if positive > 1.5 negative and penalty > cap
///   overall = clamp(positive - negative + bonus - penalty, -159, 108)
///
/// Source: specs/evaluation.md 2.3, specs/recipe.md 6.2; golden/eval `story_quality_composite`.
RubricScore rubric_score(const Verdict& verdict, const ScoreRule& rule = {});

/// The optional gate, under which a story gets the lowest overall: N2 >= 7, N10 >= 8, or fewer than
/// 40 % of the requested words. Human references are exempt: ask for policy stories only.
/// @param story_words   pieces between white space (count_pieces)
/// @param target_words  absent: the prompt names no length
/// Source: specs/recipe.md 6.2.
bool is_disqualified(const Verdict& verdict, std::int64_t story_words,
                     std::optional<std::int64_t> target_words);

}  // namespace polaris
