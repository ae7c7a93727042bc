#pragma once

#include <string_view>
#include <vector>

#include "base/json.h"
#include "rl/types.h"

namespace polaris {

/// One line of batches.jsonl: the rows of one update, as `polaris update` replays them
/// (docs/file_formats.md).
///
///   {"rows": [{"prompt_tokens", "response_tokens", "advantage", "origin"?, "old_logprobs"?,
///              "sampler_logprobs"?}]}
///
/// Coefficients and the step's scale are not written: they follow from the rows and
/// loss.normaliser.
Json batch_record(const std::vector<Row>& rows);

/// @param place  names the line in errors: "batches.jsonl:3"
/// @throws Error{kInvalidData} naming line, row and field
std::vector<Row> parse_batch_record(const Json& record, std::string_view place);

}  // namespace polaris
