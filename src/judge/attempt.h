#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/http.h"
#include "judge/call_problem.h"
#include "judge/dialect.h"
#include "judge/grade.h"

namespace polaris {

/// What came of one call: a grade, good or not, or no answer at all.
struct Attempt {
  std::optional<ModelAnswer> answer;   ///< absent: no model's answer came
  std::optional<CallProblem> problem;  ///< set exactly where `answer` is absent
  Grade grade;                         ///< of the answer, or the problem's failure
  bool may_repeat = false;             ///< another attempt may bring a verdict
  bool is_context_full = false;        ///< the answer was cut before its limit
  std::optional<double> wait_s;        ///< how long the server asks to wait before it

  /// The output limit of the next attempt: doubled after a truncated answer, else the same.
  std::int64_t next_output_limit = 0;
};

/// Reads what a call brought and grades it. Pure: any body, any status ends in an Attempt.
///
/// Worth repeating are transient problems and answers that are refused, truncated, unparseable,
/// invalid or empty; not what a filter blocked.
///
/// @param output_limit  max_output_tokens of this attempt
/// @param now_wall_s    seconds since 1970-01-01 UTC
/// Source: specs/evaluation.md 1.2, 10.6.
Attempt read_attempt(const HttpResult& result, const Dialect& dialect, std::string_view story,
                     const Rubric& rubric, const GradeRule& rule, std::int64_t output_limit,
                     double now_wall_s);

}  // namespace polaris
