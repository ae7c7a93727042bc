#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/json.h"
#include "rl/types.h"

namespace polaris {

// The form of a score in files: docs/file_formats.md.
//
//   {"reward", "failure", "parts": {"story_quality", "self_rep", "length_pen", "blank_pen",
//    "overlong", "thinking_cap"}, "points": {"P1", ..., "N10", "bonus", "penalty"} or null}
//
// What was not computed is null.

/// One number of a rubric: "P1" ... "P6", "N1" ... "N10", "bonus", "penalty".
struct ScoredDimension {
  std::string name;
  bool is_merit;  ///< more is better
  std::function<std::int64_t&(RubricPoints&)> of;
};
const std::vector<ScoredDimension>& scored_dimensions();

/// Puts a score's fields into the object that `into` is.
void put_score(Json& into, const Score& score);

/// The score in an object that put_score() has filled. @throws Json::exception
Score score_from_json(const Json& json);

}  // namespace polaris
