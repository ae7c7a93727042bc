#pragma once

#include <string>

#include "base/json.h"

namespace polaris {

/// A JSON schema as a grammar in GBNF, for servers that take one (llama-server, vLLM): the text it
/// accepts is the schema's JSON with the keys in order and little white space. Knows what our
/// answer schema uses: closed objects, lists of strings with maxItems, strings, enums of strings,
/// integers from 0 to a maximum.
/// @throws Error{kInternal} for another schema
/// Source: specs/evaluation.md 10.5.
std::string schema_grammar(const OrderedJson& schema);

}  // namespace polaris
