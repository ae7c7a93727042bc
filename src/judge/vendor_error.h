#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"

namespace polaris {

/// What a vendor says about an error, whatever it wraps it in.
struct VendorError {
  std::string code;     ///< its codes and types, joined: "insufficient_quota", "RESOURCE_EXHAUSTED"
  std::string message;  ///< for people
  std::optional<int> status;            ///< an HTTP status inside the body
  std::optional<double> retry_delay_s;  ///< google.rpc.RetryInfo
};

/// {"error": {...}} of OpenAI, Google and Anthropic, the same inside a list, {"error": "..."},
/// {"message": "..."} and {"detail": "..."} of others.
VendorError vendor_error(const Json& body);

/// The same of bytes; what is no JSON (a proxy's page) is the message.
VendorError parse_vendor_error(std::string_view body);

/// A number of seconds, not negative: "2", "0.5".
std::optional<double> parse_seconds(std::string_view text);

}  // namespace polaris
