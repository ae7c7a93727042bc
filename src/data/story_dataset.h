#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "data/story_encoder.h"
#include "data/story_record.h"
#include "rl/types.h"

namespace polaris {

/// A record that is left out of a run, and why.
struct DroppedRecord {
  std::string id;
  std::size_t line = 0;
  /// "its prompt has 412 tokens, data.max_prompt_tokens is 256", or what the chat template said
  std::string reason;
};

/// A data file as a run uses it, in the order of the file.
struct StoryDataset {
  std::vector<Prompt> prompts;
  std::vector<DroppedRecord> dropped;
  std::size_t without_reference = 0;  ///< of the prompts
};

struct StoryFilter {
  std::int64_t max_prompt_tokens = 256;
  bool hri = false;  ///< the references will be used: they must be there and be complete
};

/// A record as the loop sees it, without its tokens: no model is needed.
Prompt unrendered_prompt(const StoryRecord& record);

/// A record as the loop sees it, and why it is dropped if it is.
struct FilteredPrompt {
  Prompt prompt;
  std::optional<std::string> dropped;
};
FilteredPrompt make_prompt(const StoryRecord& record, const StoryEncoder& encoder,
                           std::int64_t max_prompt_tokens);

/// Reads, renders and filters a file. Records whose prompt is too long, and those that the chat
/// template refuses, are dropped. Source: specs/recipe.md 2.
/// @throws Error{kInvalidData} for the first faulty record (StoryReader), if no record is left, or
///         if HRI is on and no record has a reference; Error{kIo}
StoryDataset load_stories(const std::filesystem::path& path, const StoryEncoder& encoder,
                          const StoryFilter& filter);

}  // namespace polaris
