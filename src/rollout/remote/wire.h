// Reading what story servers send: a member that is missing is null, one of a wrong kind is an
// error that names it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"

namespace polaris::wire {

/// object[key], or null if there is none.
const Json& field(const Json& object, std::string_view key);

/// The only element of object[key], a list; null if it is empty or absent.
/// @throws Error{kInvalidData} if it has more
const Json& only_element(const Json& object, std::string_view key);

/// object[key] as a text, "" if it is null.
/// @throws Error{kInvalidData} if it is something else
std::string text(const Json& object, std::string_view key);

/// object[key] as a number of things; absent if it is null.
/// @throws Error{kInvalidData} if it is no whole number from 0 below 2^53
std::optional<std::int64_t> count(const Json& object, std::string_view key);

/// @throws Error{kUnavailable} with the server's words if `event` is an error of any of the forms
///         that servers send in place of a story
void check_no_error(const Json& event);

}  // namespace polaris::wire
