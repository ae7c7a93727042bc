#pragma once

#include <optional>
#include <string>

#include "app/record_files.h"
#include "data/story_record.h"
#include "judge/judge.h"
#include "train/run_config.h"

namespace polaris {

/// A record of `score` and `judge`: what was asked for, and the story.
struct StoryInput {
  StoryRecord question;
  StoryOrigin origin = StoryOrigin::kPolicy;
  std::string story;
  std::optional<std::string> thinking;
  bool unclosed = false;  ///< the response's thinking never ends

  /// The question to a judge.
  JudgeRequest request() const;
};

/// Reads `prompt`, `target_word_count`, `origin` and one of `response` and `story`.
/// @throws Error{kInvalidData} naming record and field
StoryInput story_input(const Record& record, const RunConfig& config);

}  // namespace polaris
