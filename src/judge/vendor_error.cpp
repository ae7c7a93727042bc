#include "judge/vendor_error.h"

#include <charconv>
#include <cmath>

#include "base/error.h"
#include "base/strings.h"
#include "judge/lenient_json.h"

namespace polaris {
namespace {

/// {"@type": "...google.rpc.RetryInfo", "retryDelay": "34.07s"} among the details.
std::optional<double> retry_delay(const Json& details) {
  if (!details.is_array()) return std::nullopt;
  for (const Json& detail : details) {
    const std::string delay = text_if(member(detail, "retryDelay")).value_or("");
    if (delay.ends_with('s')) return parse_seconds({delay.data(), delay.size() - 1});
  }
  return std::nullopt;
}

}  // namespace

VendorError vendor_error(const Json& body) {
  const Json& document = body.is_array() ? element(body, 0) : body;
  const Json& inner = member(document, "error");
  const Json& error = inner.is_null() ? document : inner;
  VendorError result;
  for (const char* key : {"code", "type", "status"}) {
    const auto word = text_if(member(error, key));
    if (!word || *word == "error" || *word == result.code) continue;
    result.code += (result.code.empty() ? "" : " ") + *word;
  }
  for (const Json* words : {&member(error, "message"), &error, &member(document, "detail")}) {
    if (result.message.empty()) result.message = text_if(*words).value_or("");
  }
  const std::int64_t status = count_or_zero(member(error, "code"));
  if (status >= 400 && status < 600) result.status = static_cast<int>(status);
  result.retry_delay_s = retry_delay(member(error, "details"));
  return result;
}

VendorError parse_vendor_error(std::string_view body) {
  try {
    return vendor_error(parse_json(body, "body"));
  } catch (const Error&) {
    return {.message = std::string(trim(body))};
  }
}

std::optional<double> parse_seconds(std::string_view text) {
  text = trim(text);
  double seconds = 0.0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  const bool is_all = error == std::errc() && end == text.data() + text.size();
  if (!is_all || !std::isfinite(seconds) || seconds < 0.0) return std::nullopt;
  return seconds;
}

}  // namespace polaris
