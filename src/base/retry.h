#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace polaris {

/// Whether the same call may succeed later: 408, 409, 425, 429, 5xx except 501 and 505.
bool is_transient_status(int status);

/// `text` with every occurrence of `secret` blackened: some servers repeat the key they refuse.
std::string without_secret(std::string text, std::string_view secret);

/// How long to wait before the next attempt, in seconds:
///
///   what the server asks for, if it asks; else  uniform [0, min(60, base 2^n)]   ("full jitter")
///
/// @param failed  attempts so far, n + 1
/// @param name    of the question: the jitter is a function of it and of n, so that it can be
///                repeated, and questions that failed together do not come back together
/// Source: specs/evaluation.md 10.6.
double retry_delay_s(int failed, const std::optional<double>& asked_s, double base_s,
                     std::string_view name);

/// A server that asks for more than this pauses everybody, not just the one call.
inline constexpr double kLongestOwnWait_s = 120.0;

}  // namespace polaris
