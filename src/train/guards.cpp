#include "train/guards.h"

#include <fmt/format.h>

#include <array>

namespace polaris {
namespace {

/// One alarm: a metric and the limit it should stay on one side of.
struct Alarm {
  const char* key;  ///< of [guards]
  double GuardsConfig::*limit;
  const char* metric;
  bool is_upper = true;
  const char* advice;

  bool sounds(double value, double at) const { return is_upper ? value > at : value < at; }
};

constexpr std::array<Alarm, 6> kAlarms = {{
    {"logprob_gap", &GuardsConfig::logprob_gap, "mismatch/logprob_abs_mean", true,
     "sampler and trainer disagree about the same tokens: use rollout.weight_dtype = float32 or "
     "loss.importance_weights = truncated"},
    {"zero_spread_groups", &GuardsConfig::zero_spread_groups, "group/zero_sd_frac", true,
     "groups without a spread of rewards teach nothing: look at the judge, raise the temperature "
     "or the group size"},
    {"truncated", &GuardsConfig::truncated, "reward/truncated_frac", true,
     "stories reach data.max_response_tokens: raise it, or ask for shorter ones"},
    {"unclosed_thinking", &GuardsConfig::unclosed_thinking, "reward/unclosed_think_frac", true,
     "the policy does not end its thinking: raise data.max_response_tokens or start from a better "
     "supervised model"},
    {"length_ratio", &GuardsConfig::length_ratio, "reward/length_ratio_mean", false,
     "stories are much shorter than asked for: look at reward.length"},
    {"self_repetition", &GuardsConfig::self_repetition, "reward_comp_policy/self_rep_mean", true,
     "stories repeat themselves: raise reward.self_repetition or the repetition penalty"},
}};

}  // namespace

Guards::Guards(const GuardsConfig& config, std::span<const Json> history) : config_(config) {
  for (const Json& line : history) {
    count([&](const std::string& name) -> std::optional<double> {
      const auto found = line.find(name);
      if (found == line.end() || !found->is_number()) return std::nullopt;
      return found->get<double>();
    });
  }
}

void Guards::count(const MetricOf& metric) {
  for (const Alarm& alarm : kAlarms) {
    const double limit = config_.*alarm.limit;
    const auto value = metric(alarm.metric);
    if (limit == 0.0 || !value) continue;
    std::int64_t& steps = in_a_row_[alarm.key];
    steps = alarm.sounds(*value, limit) ? steps + 1 : 0;
  }
}

std::optional<std::string> Guards::watch(const StepLog& log) {
  count([&](const std::string& name) { return log.get(name); });
  if (config_.patience == 0) return std::nullopt;
  for (const Alarm& alarm : kAlarms) {
    if (in_a_row_[alarm.key] < config_.patience) continue;
    return fmt::format("{} was {} guards.{} = {} in {} steps in a row (now {:.4g}): {}",
                       alarm.metric, alarm.is_upper ? "above" : "below", alarm.key,
                       config_.*alarm.limit, in_a_row_[alarm.key],
                       log.get(alarm.metric).value_or(0.0), alarm.advice);
  }
  return std::nullopt;
}

std::optional<std::string> too_many_failed(std::span<const ScoredGroup> groups,
                                           double max_failed_fraction) {
  std::size_t rows = 0;
  std::map<std::string, std::size_t> reasons;
  std::size_t failed = 0;
  for (const ScoredGroup& group : groups) {
    for (const Score& score : group.scores) {
      ++rows;
      if (score.reward) continue;
      ++failed;
      ++reasons[score.failure];
    }
  }
  if (static_cast<double>(failed) <= max_failed_fraction * static_cast<double>(rows))
    return std::nullopt;
  std::string listed;
  for (const auto& [reason, count] : reasons)
    listed += fmt::format("{}{} x {}", listed.empty() ? "" : ", ", count, reason);
  return fmt::format(
      "{} of {} rows have no reward ({}), more than reward.story_quality_rule.max_failed_fraction "
      "= {} allows: look at the judge",
      failed, rows, listed, max_failed_fraction);
}

}  // namespace polaris
