#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>

#include "base/json.h"
#include "rl/types.h"
#include "train/journal.h"
#include "train/run_config.h"

namespace polaris {

/// Looks after every step for signs that training goes astray. An alarm that sounds in
/// `guards.patience` steps in a row is a reason to stop.
///
///   logprob_gap         mismatch/logprob_abs_mean above it
///   zero_spread_groups  group/zero_sd_frac above it
///   truncated           reward/truncated_frac above it
///   unclosed_thinking   reward/unclosed_think_frac above it
///   length_ratio        reward/length_ratio_mean below it
///   self_repetition     reward_comp_policy/self_rep_mean above it
///
/// A step that did not measure a quantity neither raises nor silences its alarm.
class Guards {
 public:
  /// @param history  lines of metrics.jsonl: the steps before this start of the program, so that
  ///                 an interrupted run stops where an undisturbed one would
  Guards(const GuardsConfig& config, std::span<const Json> history);

  /// @return why the run should stop, if it should
  std::optional<std::string> watch(const StepLog& log);

 private:
  using MetricOf = std::function<std::optional<double>(const std::string& name)>;

  void count(const MetricOf& metric);

  GuardsConfig config_;
  std::map<std::string, std::int64_t> in_a_row_;  // by key
};

/// Too many rows of a step without a reward.
/// @return why the run should stop, if it should: more than `max_failed_fraction` of the rows
std::optional<std::string> too_many_failed(std::span<const ScoredGroup> groups,
                                           double max_failed_fraction);

}  // namespace polaris
