#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/http.h"

namespace polaris {

/// Why a call to a story server brought nothing, and what that means for the next attempt.
struct CallFailure {
  std::string message;           ///< one bounded line
  bool may_repeat = false;       ///< another attempt may succeed
  std::optional<double> wait_s;  ///< how long the server asks to wait
};

/// A call that ended without an HTTP answer. Certificates and answers beyond all size do not get
/// better.
CallFailure call_failure(const HttpFailure& failure);

/// An answer that is no 2xx. Worth repeating: 408, 409, 425, 429 and 5xx except 501 and 505, after
/// what Retry-After asks for.
/// @param now_wall_s  seconds since 1970-01-01 UTC, for dates
CallFailure call_failure(const HttpResponse& response, double now_wall_s);

/// What a body says about an error: {"error": {"message"}}, {"error"}, {"message"}, {"detail"}, or
/// its text; one line of at most 300 characters.
std::string error_text(std::string_view body);

/// `text` with every occurrence of `secret` blackened: some servers repeat the key they refuse.
std::string blackened(std::string text, std::string_view secret);

/// Seconds to wait before attempt `failed` + 1: what was asked for, else uniform in
/// [0, min(60, base 2^(failed - 1))].
/// @param name  of the story: the pause is a function of it, so stories that failed together do not
///              come back together
double pause_before_retry(int failed, const CallFailure& failure, double base_s,
                          std::string_view name);

}  // namespace polaris
