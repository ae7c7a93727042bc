// From what a judging model wrote to a verdict with its flags.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "judge/answer.h"
#include "judge/judge_config.h"
#include "judge/model_answer.h"

namespace polaris {

struct GradeRule {
  TotalsRule totals = TotalsRule::kRecomputed;
  EmptyAnswer empty_answer = EmptyAnswer::kFailure;
};

/// Either `verdict` or `failure` is there.
struct Grade {
  std::optional<Verdict> verdict;
  std::optional<JudgeFailure> failure;
  std::string message;  ///< why it failed, for people
  Json parsed;          ///< the object as the judge wrote it; null if none was read

  /// What is remarkable, each with the dimension's id where it has one:
  ///
  ///   quote_not_found:P3    a quote is not in the story; also quote_case_only, quote_too_long,
  ///                         quote_empty
  ///   extra_quotes:P3       more quotes than the rubric allows; only the first ones are looked up
  ///   unsupported:N2        points for a fault without a quote that was found
  ///   adjustment_void:B     bonus or penalty set to 0: no claim, or 2 points and more without a
  ///                         quote that was found
  ///   nearest_unknown:B     `nearest` names no dimension of its side
  ///   judge_arithmetic      the totals that the judge reports are not the sums
  ///   points_missing        under as_claimed: points that the answer left out
  ///   empty_as_zero         an empty answer counts as 0 (empty_answer = "zero")
  std::vector<std::string> flags;

  int quotes_verified = 0;  ///< of quotes_checked; below 90 % over a run the judge is unfit
  int quotes_checked = 0;
};

/// Reads and checks one answer to one story. Quotes are looked up, and adjustments without evidence
/// taken back, only under kRecomputed. Source: specs/evaluation.md 2.4.
Grade grade_answer(const ModelAnswer& answer, std::string_view story, const Rubric& rubric,
                   const GradeRule& rule);

}  // namespace polaris
