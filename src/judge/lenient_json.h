// Reading JSON that others may change: what is not there, or has another type, is absent.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"

namespace polaris {

/// object[key], or null if there is no such member or `object` is no object.
const Json& member(const Json& object, std::string_view key);

/// list[index], or null.
const Json& element(const Json& list, std::size_t index);

/// A text; absent for anything else and for "".
std::optional<std::string> text_if(const Json& value);

/// A number of tokens or the like: a whole number from 0 below 2^53; anything else is 0.
std::int64_t count_or_zero(const Json& value);

}  // namespace polaris
