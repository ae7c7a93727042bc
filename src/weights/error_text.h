#pragma once

#include <string>

#include "base/json.h"

namespace polaris {

/// A value of a file for an error message: as JSON in ASCII, so that it stays on one line, cut at
/// 100 bytes.
inline std::string shown(const Json& value) {
  constexpr std::size_t kMaxBytes = 100;
  if (value.is_array()) return "a list";
  if (value.is_object()) return "an object";
  std::string text = value.dump(-1, ' ', /*ensure_ascii=*/true, Json::error_handler_t::replace);
  if (text.size() > kMaxBytes) text = text.substr(0, kMaxBytes) + "...";
  return text;
}

}  // namespace polaris
