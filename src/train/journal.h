#pragma once

#include <functional>
#include <map>
#include <optional>
#include <ostream>
#include <span>
#include <string>

#include "base/clock.h"
#include "base/jsonl.h"
#include "train/tensorboard.h"

namespace polaris {

/// The metric that tells which checkpoint is the best.
inline constexpr auto kValidationReward = "val-core/all/reward/mean@1";

/// Whether something that is done every so many steps (0: never) and at the last one is done now.
inline bool is_due(std::int64_t step, std::int64_t every, std::int64_t last_step) {
  return step == last_step || (every > 0 && step % every == 0);
}

/// The numbers of one step. Names are those of specs/recipe.md 12: "critic/score/mean",
/// "timing_s/gen". What was not measured has no entry.
class StepLog {
 public:
  StepLog(std::int64_t step, const Clock& clock) : step_(step), clock_(clock) {}

  std::int64_t step() const { return step_; }

  /// Numbers that are not finite are left out: they have no form in JSON.
  void set(const std::string& name, double value);
  void set(const std::string& name, std::optional<double> value) {
    if (value) set(name, *value);
  }
  std::optional<double> get(const std::string& name) const;

  /// Runs `work` and adds its wall time to "timing_s/<name>".
  template <class Work>
  auto timed(const std::string& name, Work&& work) {
    const Stopwatch watch(*this, "timing_s/" + name);
    return work();
  }

  const std::map<std::string, double>& values() const { return values_; }

  Json to_json() const;

 private:
  class Stopwatch {
   public:
    Stopwatch(StepLog& log, std::string name)
        : log_(log), name_(std::move(name)), start_s_(log.clock_.steady_s()) {}
    ~Stopwatch() { log_.values_[name_] += log_.clock_.steady_s() - start_s_; }
    Stopwatch(const Stopwatch&) = delete;
    Stopwatch& operator=(const Stopwatch&) = delete;

   private:
    StepLog& log_;
    std::string name_;
    double start_s_;
  };

  std::int64_t step_;
  const Clock& clock_;
  std::map<std::string, double> values_;
};

/// What a run writes about itself: one JSON object per step in metrics.jsonl (for reports and
/// plots), one line per step on the terminal (for people). Library code writes nowhere else.
class Journal {
 public:
  /// @param terminal  null: silent (tests, ranks above 0); otherwise it outlives the journal
  /// @param history      the lines that are in the file already: money spent so far
  /// @param tensorboard  gets the same numbers; null: nobody; otherwise it outlives the journal
  Journal(const std::filesystem::path& file, FileSystem& files, std::ostream* terminal,
          std::span<const Json> history = {}, TensorBoardLog* tensorboard = nullptr);

  /// Appends the step. @param last_step  of the run, for the line's counter and ETA
  void write(const StepLog& log, std::int64_t last_step);

  /// A sentence for people.
  void say(const std::string& sentence);

  std::uint64_t offset() const { return metrics_.offset(); }
  void sync() { metrics_.sync(); }

 private:
  std::string line(const StepLog& log, std::int64_t last_step);

  JsonlWriter metrics_;
  std::ostream* terminal_;
  TensorBoardLog* tensorboard_;
  double seconds_ = 0.0;  // of the steps written since the start of the program
  std::int64_t steps_ = 0;
  double cost_usd_ = 0.0;  // of the whole run
};

}  // namespace polaris
