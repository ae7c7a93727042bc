#pragma once

#include <cstdint>
#include <deque>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/jsonl.h"
#include "rl/batch.h"
#include "rl/types.h"

namespace polaris {

/// rollouts.jsonl: every rollout and reference of every step with its scores, one per line
/// (docs/file_formats.md). Log for people, source of reports, and what a killed run is continued
/// from: a step whose rows are all there is neither sampled nor judged again.
class RolloutLog {
 public:
  /// Opens the log of a run whose newest checkpoint ends at byte `cursor` (0: none). Whole steps
  /// behind it, `first_step` and those that follow without a gap, are kept to be replayed; what
  /// comes after them is cut off.
  /// @throws Error{kInvalidData} naming the line, if the log is not what we write; Error{kIo}
  RolloutLog(const std::filesystem::path& file, std::uint64_t cursor, std::int64_t first_step,
             FileSystem& files);

  /// Steps that wait to be replayed.
  std::size_t recorded_steps() const { return recorded_.size(); }

  /// The rows of `step`, an array, if they were recorded.
  std::optional<Json> take(std::int64_t step);

  /// Appends a step, synced: it will survive.
  void write(std::int64_t step, std::span<const ScoredGroup> groups,
             std::span<const GroupOutcome> outcomes);

  std::uint64_t offset() const { return offset_; }

 private:
  struct Recorded {
    std::int64_t step = 0;
    std::vector<Json> rows;
    std::uint64_t end = 0;  // offset behind its last line
  };

  void read_recorded(const std::filesystem::path& file, std::uint64_t cursor,
                     std::int64_t first_step);

  std::deque<Recorded> recorded_;
  std::uint64_t offset_ = 0;  // end of the last step written or taken
  std::optional<JsonlWriter> writer_;
};

/// The scored groups that the rows of a step were written from, with `prompts` (the same that made
/// them) in them. @throws Error{kInvalidData} if the rows are of other prompts
std::vector<ScoredGroup> groups_of_rows(const Json& rows, std::int64_t step,
                                        std::span<const Prompt> prompts);

}  // namespace polaris
