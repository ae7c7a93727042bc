#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "judge/answer_text.h"
#include "judge/rubric_text.h"

namespace polaris {

/// What stands beside the points of a dimension.
struct DimensionNote {
  std::vector<std::string> quotes;
  std::string why;
};

/// What stands beside the points of bonus and penalty.
struct AdjustmentNote {
  std::string claim;
  std::vector<std::string> quotes;
  std::string nearest;
  std::string why_not_covered;
};

/// A judge's answer, read and checked.
struct Answer {
  Verdict verdict;
  std::array<DimensionNote, 6> positive;
  std::array<DimensionNote, 10> negative;
  AdjustmentNote bonus;
  AdjustmentNote penalty;
  std::string comment;

  /// The published form has its quotes inside the justifications: nothing to look up.
  bool has_quotes = true;

  std::optional<ClaimedTotals> reported;  ///< totals that the answer holds
  Json object;                            ///< as the judge wrote it
};

using AnswerResult = std::variant<Answer, AnswerProblem>;

/// Reads an answer in our form or in the published rubric's (its long field names, at the top or
/// inside an object).
///
///   kRecomputed  all points must be there as whole numbers ("7" and 7.0 are) within their range;
///                every text and list must have its type. Further keys do not matter.
///   kAsClaimed   the published rule: positive_total and negative_total must be numbers, bonus and
///                penalty are the totals, else the scores, else 0; points are read as far as they
///                go (cut off to whole numbers within their range; numbers in strings are none).
///
/// An answer that breaks the rule is kInvalid; nothing is guessed.
/// Source: specs/evaluation.md 2.4, specs/recipe.md 6.2; golden/reward `story_quality_score`.
AnswerResult read_answer(std::string_view text, const Rubric& rubric, TotalsRule totals);

}  // namespace polaris
