#include "train/run_directory.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/strings.h"

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
                           std::ostream* terminal)
    : path_(std::move(path)),
      config_(std::move(config)),
      files_(files),
      terminal_(terminal),
      checkpoints_(path_ / "checkpoints", files) {
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
  const auto cursor = checkpoints_.newest();
  const Cursor start = cursor.value_or(Cursor{});
  if (cursor) checkpoints_.load(*cursor, learner);

  const auto metrics = path_ / "metrics.jsonl";
  if (files_.exists(metrics)) JsonlWriter::truncate_to(metrics, start.metrics_bytes, files_);
  journal_.emplace(metrics, files_, terminal_);
  if (journals == RunJournals::kMetricsAndRollouts)
    rollouts_.emplace(path_ / "rollouts.jsonl", start.rollouts_bytes, start.step + 1, files_);
  if (cursor) saved_step_ = start.step;
  const std::size_t recorded = rollouts_ ? rollouts_->recorded_steps() : 0;
  if (cursor || recorded > 0)
    journal_->say(fmt::format(
        "continuing {} after step {}{}", path_.string(), start.step,
        recorded == 0 ? "" : fmt::format("; {} recorded step(s) will be replayed", recorded)));
  return start.step;
}

Journal& RunDirectory::journal() {
  POLARIS_CHECK(journal_.has_value(), "resume() comes first");
  return *journal_;
}

RolloutLog& RunDirectory::rollouts() {
  POLARIS_CHECK(rollouts_.has_value(), "resume() comes first");
  return *rollouts_;
}

void RunDirectory::save_checkpoint(std::int64_t step, const Learner& learner) {
  if (step == 0 || step == saved_step_) return;
  journal().sync();  // the cursor must not point behind what a power cut leaves
  checkpoints_.save({.step = step,
                     .metrics_bytes = journal().offset(),
                     .rollouts_bytes = rollouts_ ? rollouts_->offset() : 0},
                    learner, config_.train.keep_checkpoints);
  saved_step_ = step;
}

}  // namespace polaris
