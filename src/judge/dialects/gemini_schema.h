#pragma once

#include <string_view>

#include "base/json.h"

namespace polaris {

/// True if models of this name take JSON schema as it is (responseJsonSchema): Gemini 2.5 and
/// later. Older ones take responseSchema, a dialect of OpenAPI.
bool takes_json_schema(std::string_view model);

/// A schema without what responseSchema does not know: an enum of numbers or a number as const
/// becomes a range, a mixed enum one of strings, patterns go.
/// Source: specs/evaluation.md 10.3; golden/reward `sanitize_schema`.
OrderedJson sanitize_schema(const OrderedJson& schema);

/// sanitize_schema(), less additionalProperties, with the order of properties made explicit.
OrderedJson gemini_response_schema(const OrderedJson& schema);

}  // namespace polaris
