#pragma once

#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/token_id.h"

namespace polaris {

/// Lists out of a JSON document from outside.
/// @param what  names the list in errors: "in.jsonl:17: \"tokens\""
/// @throws Error{kInvalidData} naming the element that is not a whole number from 0 below 2^31
std::vector<TokenId> token_ids_from_json(const Json& list, std::string_view what);
std::vector<TokenId> token_ids_from_json(const OrderedJson& list, std::string_view what);

/// @throws Error{kInvalidData} naming the element that is not a number within the range of float
std::vector<float> floats_from_json(const Json& list, std::string_view what);

}  // namespace polaris
