#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <ostream>
#include <span>
#include <vector>

#include "base/clock.h"
#include "base/json.h"
#include "base/ranks.h"
#include "eval/evaluated_story.h"
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
///
/// With several ranks all make the same calls. Rank 0 alone reads and writes; the others learn from
/// it what it found, and read the checkpoint that it names, from the same folder.
class RunDirectory {
 public:
  /// Makes the folder, or opens that of an earlier start, and keeps other processes out of it.
  /// @param terminal  where the journal speaks to people; null: nowhere
  /// @param ranks     outlive this; null: one process
  /// @throws Error{kInvalidConfig} if the run was started with other values of keys that may not
  ///         change; Error{kIo}, also if another process is at work in it
  RunDirectory(std::filesystem::path path, RunConfig config, FileSystem& files,
               std::ostream* terminal, Ranks* ranks = nullptr);
  ~RunDirectory();
  RunDirectory(const RunDirectory&) = delete;
  RunDirectory& operator=(const RunDirectory&) = delete;

  /// Gives the learner the newest checkpoint's state and cuts the journals back to it. Call once,
  /// before anything below. @return updates done
  std::int64_t resume(Learner& learner, RunJournals journals = RunJournals::kMetricsAndRollouts);

  const std::filesystem::path& path() const { return path_; }

  /// What resume() will go on from; nothing if that is the start.
  std::optional<std::filesystem::path> newest_checkpoint() const {
    return checkpoints_.newest_folder();
  }
  Ranks& ranks() const { return *ranks_; }

  /// The lines of metrics.jsonl that this start of the program goes on from; on rank 0.
  const std::vector<Json>& history() const { return history_; }

  /// Writes a step's line of metrics.jsonl, and what people see of it.
  void write_metrics(const StepLog& log, std::int64_t last_step);

  /// The scored groups of `step` if they were recorded (RolloutLog), with the prompts they are of.
  std::optional<std::vector<ScoredGroup>> take_rollouts(std::int64_t step,
                                                        std::span<const Prompt> prompts);

  /// Appends a step to rollouts.jsonl, synced.
  void write_rollouts(std::int64_t step, std::span<const ScoredGroup> groups,
                      std::span<const GroupOutcome> outcomes);

  /// Saves a checkpoint of the learner after `step` updates, unless it is there already or
  /// nothing has been done yet.
  void save_checkpoint(std::int64_t step, const Learner& learner);

  /// Saves what belongs to a finished step: the checkpoint that is due, the one with the best
  /// validation so far (which `checkpoints/best` leads to), and the weights that are kept.
  /// @param validation  reward of this step's validation, if there was one
  void finish_step(std::int64_t step, std::int64_t last_step, std::optional<double> validation,
                   const Learner& learner);

  /// Keeps the stories of a validation in validation/step_N.jsonl.
  void write_validation(std::int64_t step, std::span<const EvaluatedStory> stories);

  /// Appends an update to batches.jsonl, if train.record_batches says so.
  void record_batch(const Batch& batch);

 private:
  class Lock;

  void open();
  void keep_config();
  void read_history();
  void open_journals(const std::optional<Cursor>& cursor, RunJournals journals);
  bool is_best(std::optional<double> validation);
  Cursor cursor_at(std::int64_t step);

  std::filesystem::path path_;
  RunConfig config_;
  FileSystem& files_;
  std::ostream* terminal_;
  OneRank alone_;
  Ranks* ranks_;
  std::unique_ptr<Lock> lock_;
  SystemClock clock_;
  Checkpoints checkpoints_;
  std::optional<TensorBoardLog> tensorboard_;
  std::optional<Journal> journal_;
  std::optional<RolloutLog> rollouts_;
  std::optional<JsonlWriter> batches_;
  std::vector<Json> history_;
  std::optional<double> best_validation_;
  std::int64_t saved_step_ = -1;
};

}  // namespace polaris
