#include "judge/rate_limit.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <ctime>
#include <string>
#include <string_view>

#include "base/retry.h"
#include "judge/vendor_error.h"

namespace polaris {
namespace {

/// "6m0s", "20ms", "1.5s", "1d2h"; a bare number counts seconds.
std::optional<double> duration_s(std::string_view text) {
  if (const auto seconds = parse_seconds(text)) return seconds;
  double sum = 0.0;
  while (!text.empty()) {
    const auto digits = std::min(text.find_first_not_of("0123456789."), text.size());
    const auto number = parse_seconds(text.substr(0, digits));
    text.remove_prefix(digits);
    const auto letters = std::min(text.find_first_of("0123456789."), text.size());
    const std::string_view unit = text.substr(0, letters);
    text.remove_prefix(letters);
    const double factor = unit == "ms"  ? 0.001
                          : unit == "s" ? 1.0
                          : unit == "m" ? 60.0
                          : unit == "h" ? 3600.0
                          : unit == "d" ? 86400.0
                                        : 0.0;
    if (!number || factor == 0.0) return std::nullopt;
    sum += *number * factor;
  }
  return sum;
}

/// "2026-06-04T09:05:00Z" in seconds since 1970; fractions of a second are left out.
std::optional<double> utc_s(const std::string& text) {
  std::tm time{};
  char z = 0;
  const int read =
      std::sscanf(text.c_str(), "%4d-%2d-%2dT%2d:%2d:%2d%c", &time.tm_year, &time.tm_mon,
                  &time.tm_mday, &time.tm_hour, &time.tm_min, &time.tm_sec, &z);
  if (read != 7 || (z != 'Z' && z != '.')) return std::nullopt;
  time.tm_year -= 1900;
  time.tm_mon -= 1;
  return static_cast<double>(::timegm(&time));
}

}  // namespace

std::optional<double> rate_limit_pause_s(const HttpHeaders& headers, double now_wall_s) {
  std::optional<double> pause_s;
  const auto look_at = [&](const std::string& remaining, const std::string& reset,
                           const auto& seconds_of) {
    const auto left = find_header(headers, remaining);
    const auto when = find_header(headers, reset);
    if (!left || !when || parse_seconds(*left) != 0.0) return;
    if (const std::optional<double> wait_s = seconds_of(*when))
      pause_s = std::clamp(*wait_s, pause_s.value_or(0.0), kLongestOwnWait_s);
  };
  for (const char* quota : {"requests", "tokens"})
    look_at(fmt::format("x-ratelimit-remaining-{}", quota),
            fmt::format("x-ratelimit-reset-{}", quota), duration_s);
  for (const char* quota : {"requests", "tokens", "input-tokens", "output-tokens"})
    look_at(fmt::format("anthropic-ratelimit-{}-remaining", quota),
            fmt::format("anthropic-ratelimit-{}-reset", quota), [&](std::string_view text) {
              const auto time_s = utc_s(std::string(text));
              return time_s ? std::optional(*time_s - now_wall_s) : std::nullopt;
            });
  return pause_s;
}

}  // namespace polaris
