#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <ostream>
#include <span>

#include "nn/learner.h"
#include "train/checkpoint.h"
#include "train/journal.h"
#include "train/rollout_log.h"
#include "train/run_config.h"

namespace polaris {

/// What a run writes step by step: a supervised one has no rollouts.
enum class RunJournals { kMetricsAndRollouts, kMetricsOnly };

/// The folder of one run (docs/file_formats.md): config.toml, metrics.jsonl, rollouts.jsonl,
/// checkpoints/. It decides what a killed run goes on from.
class RunDirectory {
 public:
  /// Makes the folder, or opens that of an earlier start, and keeps other processes out of it.
  /// @param terminal  where the journal speaks to people; null: nowhere
  /// @throws Error{kInvalidConfig} if the run was started with other values of keys that may not
  ///         change; Error{kIo}, also if another process is at work in it
  RunDirectory(std::filesystem::path path, RunConfig config, FileSystem& files,
               std::ostream* terminal);
  ~RunDirectory();
  RunDirectory(const RunDirectory&) = delete;
  RunDirectory& operator=(const RunDirectory&) = delete;

  /// Gives the learner the newest checkpoint's state and cuts the journals back to it. Call once,
  /// before anything below. @return updates done
  std::int64_t resume(Learner& learner, RunJournals journals = RunJournals::kMetricsAndRollouts);

  Journal& journal();
  RolloutLog& rollouts();

  /// Saves a checkpoint of the learner after `step` updates, unless it is there already or
  /// nothing has been done yet.
  void save_checkpoint(std::int64_t step, const Learner& learner);

 private:
  class Lock;

  void keep_config();

  std::filesystem::path path_;
  RunConfig config_;
  FileSystem& files_;
  std::ostream* terminal_;
  std::unique_ptr<Lock> lock_;
  Checkpoints checkpoints_;
  std::optional<Journal> journal_;
  std::optional<RolloutLog> rollouts_;
  std::int64_t saved_step_ = -1;
};

}  // namespace polaris
