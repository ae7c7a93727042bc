#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/http.h"
#include "base/json.h"
#include "judge/judge.h"

namespace polaris {

/// Why a call brought no model's answer, and what that means for the next one.
struct CallProblem {
  JudgeFailure failure = JudgeFailure::kTransport;
  std::string message;      ///< one bounded line: status, the vendor's code and words
  bool transient = false;   ///< another attempt may succeed
  bool overloaded = false;  ///< ask less at a time: 429, 503, 529
  bool fatal = false;  ///< no call of this run can succeed: the key, the account, model or address
  bool schema_refused = false;   ///< the server does not take this form: try weaker_form()
  std::optional<double> wait_s;  ///< how long the server asks to wait
};

/// A call that ended without an HTTP answer. Only an expired deadline is a kTimeout.
CallProblem problem_of(const HttpFailure& failure);

/// An answer that is no 2xx.
///
///   transient  408, 409, 425, 429, 5xx except 501 and 505; as `x-should-retry` says where it is
///              sent; not a 429 about quota or billing
///   wait_s     `retry-after-ms`, else `Retry-After` (seconds or date), else RetryInfo.retryDelay
///
/// @param now_wall_s  seconds since 1970-01-01 UTC, for dates
/// Source: specs/evaluation.md 10.6.
CallProblem problem_of(const HttpResponse& response, double now_wall_s);

/// A 2xx answer whose body is an error all the same, as gateways and the responses interface send
/// it; absent if it is none.
std::optional<CallProblem> problem_in_body(const Json& body);

}  // namespace polaris
