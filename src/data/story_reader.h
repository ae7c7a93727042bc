#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <unordered_map>

#include "base/jsonl.h"
#include "data/story_record.h"

namespace polaris {

/// What a run asks of its records beyond their form.
struct StoryRules {
  /// Thinking and HRI are both on: a reference without reasoning could not be written down.
  bool needs_reasoning = false;
};

/// The records of a JSONL file, one after the other, in memory for one. Two records never have the
/// same id: ids name random streams and log lines.
class StoryReader {
 public:
  /// @throws Error{kIo} if the file cannot be opened; Error{kInvalidData} if its name says that it
  ///         is compressed or something else than JSON lines
  explicit StoryReader(std::filesystem::path path, StoryRules rules = {});

  /// The next record, or nothing at the end.
  /// @throws Error{kInvalidData} naming file, line and what is wrong there; the call after it goes
  ///         on with the next line. Error{kIo} if reading fails
  std::optional<StoryRecord> next();

  /// "train.jsonl:17": the line that next() read last.
  std::string place() const { return lines_.place(); }

  /// Bytes of the whole lines read so far.
  std::uint64_t bytes_read() const { return lines_.offset(); }

 private:
  std::filesystem::path path_;
  StoryRules rules_;
  JsonlReader lines_;
  std::unordered_map<std::string, std::size_t> line_of_id_;
};

}  // namespace polaris
