#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "text/chat.h"

namespace polaris {

/// One line of a data file: what is asked, and what a human wrote to it. Source: specs/recipe.md 2.
struct StoryRecord {
  Json id;               ///< as the file spells it, string or number; its line where it has none
  std::size_t line = 0;  ///< from 1
  std::vector<Message> messages;  ///< what the policy is asked
  std::string prompt;             ///< the same as plain text: for the judge and the length rule
  std::optional<std::int64_t> target_word_count;
  std::optional<std::string> story;      ///< the human reference
  std::optional<std::string> reasoning;  ///< the plan a thinking model would have made for it
  /// The published length rule falls back to the number of words in here (specs/recipe.md 6.4).
  std::optional<std::string> target;
  std::optional<std::string> source;  ///< where the record comes from, for logs

  /// The id as text: "17" for the string and for the number.
  std::string name() const;
};

/// Reads a record. The fields, null and blank ones counting as absent:
///
///   id                 `id`, else `uid`, else the line number
///   messages           `prompt`, a string (one user message) or a list of {role, content}
///   prompt             `extra_info.prompt`, else the text of the first user message
///   target_word_count  a whole number from 1 to kMaxTargetWords
///   story              `story`, `ground_truth`, `solution`, `answer`, `target`: the first that is
///                      there; then the last four inside `reward_model`
///   reasoning          `ground_truth_reasoning`
///   source             `data_source`, else `source`
///
/// Other fields are ignored.
/// @param file, line  name the record in errors
/// @throws Error{kInvalidData} naming file, line and field: a missing prompt, a wrong type, a
///         number out of range, a think tag in the reference
StoryRecord parse_story_record(const OrderedJson& json, std::string_view file, std::size_t line);

inline constexpr std::int64_t kMaxTargetWords = 1'000'000;

}  // namespace polaris
