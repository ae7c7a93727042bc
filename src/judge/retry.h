#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace polaris {

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
