#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/json.h"
#include "rl/types.h"
#include "text/thinking.h"
#include "text/words.h"

namespace polaris {

/// How a response is taken apart and counted; the same as for its reward.
struct ResponseReading {
  bool prompts_open_thinking = false;  ///< opens_thinking() of the rendered prompts
  UnclosedThinking unclosed = UnclosedThinking::kEmptyStory;
  WordForm word_form = WordForm::kNfc;
};

/// One sampled story, with everything that is measured on it.
struct EvaluatedStory {
  std::string prompt_id;
  std::int64_t sample = 0;
  std::string prompt;
  std::optional<std::int64_t> target_words;  ///< of the record, else what the prompt asks for
  std::string thinking;
  std::string story;
  std::int64_t words = 0;   ///< of the story, TextCounts::words
  std::int64_t tokens = 0;  ///< of the response
  bool thinking_closed = true;
  bool truncated = false;  ///< stopped by the token limit
  Score score;
};

EvaluatedStory evaluated_story(const Prompt& prompt, std::int64_t sample, const Rollout& rollout,
                               const Score& score, const ResponseReading& reading);

/// The sampled stories of all groups, in order; references are left out.
std::vector<EvaluatedStory> evaluated_stories(std::span<const ScoredGroup> groups,
                                              const ResponseReading& reading);

/// The form in files: docs/file_formats.md, `validation/`.
Json to_json(const EvaluatedStory& story);

/// @throws Error{kInvalidData} naming `where` and what is wrong
EvaluatedStory evaluated_story_from_json(const Json& json, std::string_view where);

enum class Better { kHigher, kLower, kNeither };

/// A number that every story has or lacks. Yes and no are 1 and 0, so that their mean is a share.
struct Measure {
  std::string name;   ///< "length_ratio": in metrics and files
  std::string label;  ///< "length / requested": in tables
  Better better = Better::kNeither;
  std::function<std::optional<double>(const EvaluatedStory&)> of;
};

/// All of them: the reward, its parts, and the figures of length.
const std::vector<Measure>& measures();

}  // namespace polaris
