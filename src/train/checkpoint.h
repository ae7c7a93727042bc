#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

#include "base/file_system.h"
#include "nn/learner.h"

namespace polaris {

/// Where a run stands when a checkpoint is made; written as cursor.json beside the learner's
/// state. There is no random state: every random number is a function of seed, prompt, step,
/// sample and position (base/random.h).
struct Cursor {
  std::int64_t step = 0;  ///< updates done
  std::uint64_t metrics_bytes = 0;
  std::uint64_t rollouts_bytes = 0;
  std::uint64_t batches_bytes = 0;
};

/// checkpoints/step_N of a run directory; N = updates done. A checkpoint is written to a temporary
/// folder, synced, marked with DONE and renamed, so that a kill at any moment leaves the run
/// resumable; what is not complete is never read.
class Checkpoints {
 public:
  /// @param keep  of the newest ones stay, and the best
  Checkpoints(std::filesystem::path folder, FileSystem& files, std::int64_t keep);

  /// Cursor of the newest complete checkpoint; nothing if there is none.
  /// @throws Error{kInvalidData} if it cannot be read
  std::optional<Cursor> newest() const;

  /// The folder of the newest complete one; nothing if there is none.
  std::optional<std::filesystem::path> newest_folder() const;

  /// Gives the learner the state of the checkpoint at `cursor`.
  void load(const Cursor& cursor, Learner& learner) const;

  /// Saves, then removes what need not stay.
  void save(const Cursor& cursor, const Learner& learner);

  /// Makes `best` a link to the checkpoint of `step`, which stays from now on. Without such a
  /// checkpoint nothing happens.
  void set_best(std::int64_t step);

 private:
  std::filesystem::path folder_of_step(std::int64_t step) const;
  std::vector<std::int64_t> complete_steps() const;  // ascending
  void remove_old_ones();

  std::filesystem::path folder_;
  FileSystem& files_;
  std::int64_t keep_;
  std::optional<std::int64_t> best_step_;
};

}  // namespace polaris
