#pragma once

#include <cstdint>

namespace polaris {

/// A token of a model's vocabulary. Here because text/ and rl/ do not see each other.
using TokenId = std::int32_t;

}  // namespace polaris
