#include "judge/call_problem.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <vector>

#include "base/retry.h"
#include "base/strings.h"
#include "judge/lenient_json.h"
#include "judge/vendor_error.h"
#include "text/unicode.h"

namespace polaris {
namespace {

bool says_any(std::string_view text, std::span<const std::string_view> words) {
  const std::string lowered = lower(text);
  return std::ranges::any_of(
      words, [&](std::string_view word) { return lowered.find(word) != std::string::npos; });
}

std::optional<double> wait_of(const HttpHeaders& headers, double now_wall_s) {
  if (const auto text = find_header(headers, "retry-after-ms")) {
    if (const auto milliseconds = parse_seconds(*text)) return *milliseconds / 1000.0;
  }
  const auto text = find_header(headers, "retry-after");
  if (!text) return std::nullopt;
  if (const auto seconds = parse_seconds(*text)) return seconds;
  const auto date = parse_http_date(*text);
  return date ? std::optional(std::max(0.0, *date - now_wall_s)) : std::nullopt;
}

/// The account's money and not its rate: waiting does not help.
bool is_about_money(int status, const VendorError& error) {
  constexpr std::string_view kCodes[] = {"insufficient_quota", "billing", "account_deactivated"};
  return status == 402 || (status == 429 && says_any(error.code, kCodes));
}

/// The key, the account, the model or the address: the next call fares no better.
bool is_fatal(int status, const VendorError& error) {
  constexpr std::string_view kKey[] = {"api key", "api_key"};  // Google says 400
  return is_about_money(status, error) || status == 401 || status == 403 || status == 404 ||
         status == 405 || (status == 400 && says_any(error.message, kKey));
}

/// The vendor's filter stopped this text.
bool is_blocked(int status, const VendorError& error) {
  constexpr std::string_view kCodes[] = {"policy", "content_filter", "invalid_prompt",
                                         "prohibited_content"};
  constexpr std::string_view kWords[] = {"content filter", "content policy", "content management"};
  return (status == 400 || status == 403) &&
         (says_any(error.code, kCodes) || says_any(error.message, kWords));
}

bool is_about_schema(int status, const VendorError& error) {
  constexpr std::string_view kWords[] = {"response_format", "schema", "grammar", "structured",
                                         "output_config"};
  return (status == 400 || status == 422 || status == 501) && says_any(error.message, kWords);
}

/// @param head  what the message begins with: "HTTP 429"
CallProblem problem_with(int status, std::string_view head, const VendorError& error) {
  constexpr std::size_t kMaxCharacters = 300;
  CallProblem problem{.wait_s = error.retry_delay_s};
  std::vector<std::string> words = {std::string(head)};
  if (!error.code.empty()) words.push_back(shorten(error.code, kMaxCharacters));
  if (!error.message.empty()) words.push_back(shorten(error.message, kMaxCharacters));
  problem.message = join(words, ": ");
  std::ranges::replace_if(
      problem.message, [](char c) { return c >= 0 && c < ' '; }, ' ');
  if (is_blocked(status, error)) {
    problem.failure = JudgeFailure::kBlocked;
    return problem;
  }
  problem.fatal = is_fatal(status, error);
  problem.transient = !problem.fatal && is_transient_status(status);
  problem.overloaded = problem.transient && (status == 429 || status == 503 || status == 529);
  problem.schema_refused = !problem.fatal && is_about_schema(status, error);
  return problem;
}

}  // namespace

CallProblem problem_of(const HttpFailure& failure) {
  CallProblem problem{.message = failure.message};
  if (failure.kind == HttpFailureKind::kTimeout) problem.failure = JudgeFailure::kTimeout;
  problem.fatal = failure.kind == HttpFailureKind::kTls;
  problem.transient = failure.kind != HttpFailureKind::kTls &&
                      failure.kind != HttpFailureKind::kTooLarge &&
                      failure.kind != HttpFailureKind::kCancelled;
  return problem;
}

CallProblem problem_of(const HttpResponse& response, double now_wall_s) {
  CallProblem problem = problem_with(response.status, fmt::format("HTTP {}", response.status),
                                     parse_vendor_error(response.body));
  if (const auto wait_s = wait_of(response.headers, now_wall_s)) problem.wait_s = wait_s;
  if (const auto advice = find_header(response.headers, "x-should-retry"); advice && !problem.fatal)
    problem.transient = *advice == "true" || (problem.transient && *advice != "false");
  return problem;
}

std::optional<CallProblem> problem_in_body(const Json& body) {
  const Json& inner = member(body, "error");
  if (inner.is_null() || inner.empty()) return std::nullopt;
  constexpr std::string_view kPassing[] = {"server_error", "overloaded", "rate_limit", "timeout"};
  const VendorError error = vendor_error(body);
  const int status = error.status.value_or(says_any(error.code, kPassing) ? 500 : 400);
  return problem_with(status, "the answer is an error", error);
}

}  // namespace polaris
