#pragma once

#include <optional>

#include "base/http.h"

namespace polaris {

/// How long to ask nothing, in seconds, when a vendor says that a quota is used up: the longest
/// reset among those of which nothing remains, at most 120 s. Absent: something remains, or it does
/// not say.
///
///   OpenAI     x-ratelimit-remaining-{requests,tokens}, x-ratelimit-reset-... ("1s", "6m0s",
///   "20ms") Anthropic
///   anthropic-ratelimit-{requests,tokens,input-tokens,output-tokens}-{remaining,reset},
///              the reset as a time (RFC 3339, UTC)
///
/// @param now_wall_s  seconds since 1970-01-01 UTC
/// Source: specs/evaluation.md 10.6.
std::optional<double> rate_limit_pause_s(const HttpHeaders& headers, double now_wall_s);

}  // namespace polaris
