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

}  // namespace polaris
