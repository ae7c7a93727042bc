#pragma once

#include <string_view>

namespace polaris {

/// 4.6 for "claude-opus-4-6" and "claude-opus-4-6-20260205", 4.0 for "claude-sonnet-4-20250514",
/// 3.7 for "claude-3-7-sonnet-latest", 5.0 for "claude-opus-5". A name that says no version is
/// taken for the newest: 1e9.
double claude_version(std::string_view model);

}  // namespace polaris
