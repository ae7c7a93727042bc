#include "judge/attempt.h"

#include "base/error.h"

namespace polaris {
namespace {

/// A 2xx answer as the vendor's dialect reads it.
std::variant<ModelAnswer, CallProblem> read_response(const HttpResponse& response,
                                                     const Dialect& dialect, double now_wall_s) {
  if (response.status < 200 || response.status >= 300) return problem_of(response, now_wall_s);
  Json body;
  try {
    body = parse_json(response.body, "the vendor's answer");
  } catch (const Error& e) {
    return CallProblem{.message = e.what(), .transient = true};  // a proxy's page, a cut body
  }
  if (auto problem = problem_in_body(body)) return *std::move(problem);
  return dialect.read(body);
}

std::variant<ModelAnswer, CallProblem> read_result(const HttpResult& result, const Dialect& dialect,
                                                   double now_wall_s) {
  if (const auto* failure = std::get_if<HttpFailure>(&result)) return problem_of(*failure);
  return read_response(std::get<HttpResponse>(result), dialect, now_wall_s);
}

bool may_repeat(const Grade& grade) {
  return grade.failure && *grade.failure != JudgeFailure::kBlocked;
}

}  // namespace

Attempt read_attempt(const HttpResult& result, const Dialect& dialect, std::string_view story,
                     const Rubric& rubric, const GradeRule& rule, std::int64_t output_limit,
                     double now_wall_s) {
  Attempt attempt{.next_output_limit = output_limit};
  auto read = read_result(result, dialect, now_wall_s);
  if (auto* problem = std::get_if<CallProblem>(&read)) {
    attempt.grade = {.failure = problem->failure, .message = problem->message};
    attempt.may_repeat = problem->transient;
    attempt.wait_s = problem->wait_s;
    attempt.problem = std::move(*problem);
    return attempt;
  }
  attempt.answer = std::get<ModelAnswer>(std::move(read));
  attempt.grade = grade_answer(*attempt.answer, story, rubric, rule);
  attempt.may_repeat = may_repeat(attempt.grade);
  if (attempt.grade.failure == JudgeFailure::kTruncated) attempt.next_output_limit *= 2;
  return attempt;
}

}  // namespace polaris
