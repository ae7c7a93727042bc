#include "judge/attempt.h"

#include <fmt/format.h>

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

/// An answer that was cut before its limit filled the server's context: llama-server and its like
/// end it then as if it had reached the limit.
std::string cut_message(const JudgeUsage& usage, std::int64_t output_limit) {
  return fmt::format(
      "the answer was cut after {} tokens, with {} allowed: the server's context has no room for "
      "more behind a question of {}; serve the model with a larger one",
      usage.output_tokens, output_limit, usage.input_tokens);
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
  if (attempt.grade.failure == JudgeFailure::kTruncated) {
    const JudgeUsage& usage = attempt.answer->usage;
    attempt.is_context_full = usage.output_tokens > 0 && usage.output_tokens < output_limit;
    if (attempt.is_context_full) attempt.grade.message = cut_message(usage, output_limit);
    attempt.next_output_limit *= 2;
  }
  return attempt;
}

}  // namespace polaris
