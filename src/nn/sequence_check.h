#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/token_id.h"

namespace polaris {

/// @param what  names the sequence in errors: "row 3, prompt"
/// @throws Error{kInvalidData} if it is empty or holds an id that a vocabulary of `vocab_size` does
///         not have
void check_tokens(std::span<const TokenId> tokens, std::int64_t vocab_size, std::string_view what);

}  // namespace polaris
