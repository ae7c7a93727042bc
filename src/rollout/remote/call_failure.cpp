#include "rollout/remote/call_failure.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/error.h"
#include "base/json.h"
#include "base/random.h"
#include "base/strings.h"

namespace polaris {
namespace {

bool is_transient(int status) {
  constexpr int kTransient[] = {408, 409, 425, 429};
  return std::ranges::find(kTransient, status) != std::end(kTransient) ||
         (status >= 500 && status != 501 && status != 505);
}

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
          .may_repeat = is_transient(response.status),
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

std::string blackened(std::string text, std::string_view secret) {
  constexpr std::string_view kBlack = "***";
  if (secret.empty()) return text;
  for (auto at = text.find(secret); at != std::string::npos;
       at = text.find(secret, at + kBlack.size()))
    text.replace(at, secret.size(), kBlack);
  return text;
}

double pause_before_retry(int failed, const CallFailure& failure, double base_s,
                          std::string_view name) {
  constexpr double kLongest_s = 60.0;
  constexpr int kLastDoubling = 30;
  if (failure.wait_s) return *failure.wait_s;
  const StreamId stream{.prompt_hash = id_hash(name), .purpose = RandomPurpose::kRetryJitter};
  const auto words = stream.draw(static_cast<std::uint32_t>(failed));
  const double most = std::ldexp(base_s, std::clamp(failed - 1, 0, kLastDoubling));
  return uniform01(words[0], words[1]) * std::min(kLongest_s, most);
}

}  // namespace polaris
