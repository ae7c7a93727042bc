#include "rollout/remote/call_failure.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/error.h"
#include "base/json.h"
#include "base/retry.h"
#include "base/strings.h"

namespace polaris {
namespace {

std::optional<double> asked_wait(const HttpHeaders& headers, double now_wall_s) {
  constexpr double kLongest_s = 600.0;
  const auto text = find_header(headers, "retry-after");
  if (!text) return std::nullopt;
  double seconds = 0.0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), seconds);
  if (error != std::errc() || end != text->data() + text->size()) {
    const auto date = parse_http_date(*text);
    if (!date) return std::nullopt;
    seconds = *date - now_wall_s;
  }
  return std::isfinite(seconds) ? std::optional(std::clamp(seconds, 0.0, kLongest_s))
                                : std::nullopt;
}

std::string text_in(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (!value.is_object()) return "";
  for (const char* key : {"error", "message", "detail"}) {
    if (!value.contains(key)) continue;
    if (auto text = text_in(value[key]); !text.empty()) return text;
  }
  return "";
}

}  // namespace

CallFailure call_failure(const HttpFailure& failure) {
  return {.message = failure.message,
          .may_repeat =
              failure.kind != HttpFailureKind::kTls && failure.kind != HttpFailureKind::kTooLarge};
}

CallFailure call_failure(const HttpResponse& response, double now_wall_s) {
  return {.message = fmt::format("HTTP {}: {}", response.status, error_text(response.body)),
          .may_repeat = is_transient_status(response.status),
          .wait_s = asked_wait(response.headers, now_wall_s)};
}

std::string error_text(std::string_view body) {
  constexpr std::size_t kMaxCharacters = 300;
  std::string text;
  try {
    text = text_in(parse_json(body, "body"));
  } catch (const Error&) {
    // a proxy's page: its text is the message
  }
  std::string line = shorten(trim(text.empty() ? body : std::string_view(text)), kMaxCharacters);
  std::ranges::replace_if(
      line, [](char c) { return c >= 0 && c < ' '; }, ' ');
  return line;
}

}  // namespace polaris
