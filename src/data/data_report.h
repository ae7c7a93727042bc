#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "data/story_dataset.h"

namespace polaris {

/// What a tokenizer tells about a data file.
struct TokenReport {
  std::int64_t dropped_prompts = 0;
  std::int64_t long_references = 0;
  std::vector<std::int64_t> prompts;     ///< of every prompt that is rendered, long ones too
  std::vector<std::int64_t> references;  ///< of every reference, before any cut; HRI only
};

/// What a data file holds. Words are counted as the length reward counts them.
struct DataReport {
  std::int64_t records = 0;   ///< that are in order
  std::int64_t problems = 0;  ///< lines that are not
  std::int64_t with_reference = 0;
  std::int64_t with_reasoning = 0;
  std::int64_t with_target = 0;            ///< a length is asked for: by the field or by the prompt
  std::vector<std::int64_t> story_words;   ///< of every reference story
  std::vector<std::int64_t> target_words;  ///< of every length asked for
  std::optional<TokenReport> tokens;
};

/// How a data file is looked at, and who hears of it.
struct DataCheck {
  const StoryEncoder* encoder = nullptr;  ///< borrowed; without one, lengths in words only
  std::int64_t max_prompt_tokens = 256;
  bool hri = true;
  bool thinking = true;
  /// One line that names the place: what must be changed before a run takes the file, and what a
  /// run leaves out or does otherwise than one might think.
  std::function<void(const std::string& problem)> on_problem = [](const auto&) {};
  std::function<void(const std::string& note)> on_note = [](const auto&) {};
  std::function<void(std::uint64_t bytes)> on_progress = [](std::uint64_t) {};  ///< read so far
};

/// Reads the whole file, in memory for one record, past every problem.
/// @throws Error{kIo} if reading fails; Error{kInvalidData} if the file is not JSON lines at all
DataReport check_data(const std::filesystem::path& path, const DataCheck& check);

/// Counts and histograms, for a terminal.
std::string text_of(const DataReport& report);

}  // namespace polaris
