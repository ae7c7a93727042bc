#include "train/run_directory.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/strings.h"
#include "train/batch_record.h"

namespace polaris {

/// Held by the system for as long as this process lives, so a killed one leaves nothing to clean.
class RunDirectory::Lock {
 public:
  explicit Lock(const std::filesystem::path& folder) {
    const auto file = folder / "lock";
    fd_ = ::open(file.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0644);
    if (fd_ < 0) throw Error(ErrorCode::kIo, fmt::format("cannot write {}", file.string()));
    if (::flock(fd_, LOCK_EX | LOCK_NB) != 0) {
      ::close(fd_);
      throw Error(ErrorCode::kIo, fmt::format("another process is at work in {}; wait for it or "
                                              "choose another --run-dir",
                                              folder.string()));
    }
  }
  ~Lock() { ::close(fd_); }
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;

 private:
  int fd_;
};

RunDirectory::RunDirectory(std::filesystem::path path, RunConfig config, FileSystem& files,
                           std::ostream* terminal, Ranks* ranks)
    : path_(std::move(path)),
      config_(std::move(config)),
      files_(files),
      terminal_(terminal),
      ranks_(ranks != nullptr ? ranks : &alone_),
      checkpoints_(path_ / "checkpoints", files, config_.train.keep_checkpoints) {
  jointly(*ranks_, [&] {
    if (ranks_->is_first()) open();
    return std::string();
  });
}

void RunDirectory::open() {
  files_.create_directories(path_);
  lock_ = std::make_unique<Lock>(path_);
  keep_config();
}

RunDirectory::~RunDirectory() = default;

void RunDirectory::keep_config() {
  RunConfig standard;
  const FieldList defaults = list_fields(standard);
  const FieldList now = list_fields(config_);
  const auto file = path_ / "config.toml";
  const std::string text = show_config(now, defaults);
  if (files_.exists(file)) {
    const std::string started = files_.read(file);
    if (started == text) return;
    auto before = read_config<RunConfig>(ConfigSource::from_text(started, file.string()));
    const auto changed = fixed_keys_changed(list_fields(before), now);
    if (!changed.empty())
      throw Error(ErrorCode::kInvalidConfig,
                  fmt::format("{} was started with another configuration: {}. Set it back, or use "
                              "a new --run-dir",
                              path_.string(), join(changed, "; ")));
  }
  write_atomically(file, text, files_);
}

std::int64_t RunDirectory::resume(Learner& learner, RunJournals journals) {
  std::optional<Cursor> cursor;
  const auto find = [&]() -> std::string {
    if (ranks_->is_first()) cursor = checkpoints_.newest();
    return cursor ? std::to_string(cursor->step) : "";
  };
  const std::string step = jointly(*ranks_, find).front();
  if (!step.empty()) {
    if (!cursor) cursor = Cursor{.step = std::stoll(step)};
    checkpoints_.load(*cursor, learner);
    saved_step_ = cursor->step;
  }
  jointly(*ranks_, [&] {
    if (ranks_->is_first()) open_journals(cursor, journals);
    return std::string();
  });
  return cursor.value_or(Cursor{}).step;
}

void RunDirectory::open_journals(const std::optional<Cursor>& cursor, RunJournals journals) {
  const Cursor start = cursor.value_or(Cursor{});
  const auto metrics = path_ / "metrics.jsonl";
  if (files_.exists(metrics)) {
    JsonlWriter::truncate_to(metrics, start.metrics_bytes, files_);
    read_history();
  }
  tensorboard_.emplace(path_ / "tensorboard", files_, clock_, cursor ? start.step + 1 : 0);
  journal_.emplace(metrics, files_, terminal_, history_, &*tensorboard_);
  if (journals == RunJournals::kMetricsAndRollouts)
    rollouts_.emplace(path_ / "rollouts.jsonl", start.rollouts_bytes, start.step + 1, files_);
  if (config_.train.record_batches && journals == RunJournals::kMetricsAndRollouts) {
    const auto batches = path_ / "batches.jsonl";
    if (files_.exists(batches)) JsonlWriter::truncate_to(batches, start.batches_bytes, files_);
    batches_.emplace(batches, files_);
  }
  const std::size_t recorded = rollouts_ ? rollouts_->recorded_steps() : 0;
  if (cursor || recorded > 0)
    journal_->say(fmt::format(
        "continuing {} after step {}{}", path_.string(), start.step,
        recorded == 0 ? "" : fmt::format("; {} recorded step(s) will be replayed", recorded)));
}

void RunDirectory::write_metrics(const StepLog& log, std::int64_t last_step) {
  if (!ranks_->is_first()) return;
  POLARIS_CHECK(journal_.has_value(), "resume() comes first");
  journal_->write(log, last_step);
}

std::optional<std::vector<ScoredGroup>> RunDirectory::take_rollouts(
    std::int64_t step, std::span<const Prompt> prompts) {
  std::optional<Json> rows;
  if (ranks_->is_first()) {
    POLARIS_CHECK(rollouts_.has_value(), "resume() comes first");
    rows = rollouts_->take(step);
  }
  if (ranks_->size() > 1) {
    const std::string shared = ranks_->from_first(rows ? dump_json(*rows) : "");
    if (!shared.empty() && !rows) rows = Json::parse(shared);
  }
  if (!rows) return std::nullopt;
  return groups_of_rows(*rows, step, prompts);
}

void RunDirectory::write_rollouts(std::int64_t step, std::span<const ScoredGroup> groups,
                                  std::span<const GroupOutcome> outcomes) {
  if (rollouts_) rollouts_->write(step, groups, outcomes);
}

Cursor RunDirectory::cursor_at(std::int64_t step) {
  if (!ranks_->is_first()) return {.step = step};
  POLARIS_CHECK(journal_.has_value(), "resume() comes first");
  if (batches_) batches_->sync();
  journal_->sync();  // the cursor must not point behind what a power cut leaves
  return {.step = step,
          .metrics_bytes = journal_->offset(),
          .rollouts_bytes = rollouts_ ? rollouts_->offset() : 0,
          .batches_bytes = batches_ ? batches_->offset() : 0};
}

void RunDirectory::save_checkpoint(std::int64_t step, const Learner& learner) {
  if (step == 0 || step == saved_step_) return;
  const Cursor cursor = cursor_at(step);
  if (ranks_->is_first()) {
    checkpoints_.save(cursor, learner);
  } else {
    learner.save({});
  }
  saved_step_ = step;
}

/// What rank 0 finds: it alone knows the validations of earlier starts.
bool RunDirectory::is_best(std::optional<double> validation) {
  if (!validation) return false;
  const bool best = !best_validation_ || *validation > *best_validation_;
  return ranks_->from_first(best ? "best" : "") == "best";
}

void RunDirectory::finish_step(std::int64_t step, std::int64_t last_step,
                               std::optional<double> validation, const Learner& learner) {
  const TrainConfig& train = config_.train;
  const bool best = is_best(validation);
  if (best || is_due(step, train.checkpoint_every, last_step)) save_checkpoint(step, learner);
  if (best) {
    best_validation_ = validation;
    if (ranks_->is_first()) checkpoints_.set_best(step);
  }
  if (train.keep_weights_every == 0 || step % train.keep_weights_every != 0) return;
  if (ranks_->is_first()) {
    AtomicFolder folder(path_ / "weights" / fmt::format("step_{}", step), files_);
    learner.save_weights(folder.path());
    folder.commit();
  } else {
    learner.save_weights({});
  }
}

void RunDirectory::write_validation(std::int64_t step, std::span<const EvaluatedStory> stories) {
  if (!ranks_->is_first()) return;
  std::string lines;
  for (const EvaluatedStory& story : stories) lines += dump_json(to_json(story)) + "\n";
  const auto folder = path_ / "validation";
  files_.create_directories(folder);
  write_atomically(folder / fmt::format("step_{}.jsonl", step), lines, files_);
}

void RunDirectory::record_batch(const Batch& batch) {
  if (batches_) batches_->write(batch_record(batch.rows));
}

void RunDirectory::read_history() {
  JsonlReader reader(path_ / "metrics.jsonl", LastLine::kMustBeWhole);
  while (auto line = reader.next()) history_.push_back(std::move(*line));
  std::optional<std::int64_t> best_step;
  for (const Json& line : history_) {
    const auto step = line.value("step", std::int64_t{0});
    const auto reward = line.find(kValidationReward);
    if (step == 0 || reward == line.end()) continue;
    if (best_validation_ && reward->get<double>() <= *best_validation_) continue;
    best_validation_ = reward->get<double>();
    best_step = step;
  }
  if (best_step) checkpoints_.set_best(*best_step);
}

}  // namespace polaris
