#include "train/journal.h"

#include <fmt/format.h>

#include <cmath>

#include "base/strings.h"

namespace polaris {

void StepLog::set(const std::string& name, double value) {
  if (std::isfinite(value)) values_[name] = value;
}

std::optional<double> StepLog::get(const std::string& name) const {
  const auto found = values_.find(name);
  if (found == values_.end()) return std::nullopt;
  return found->second;
}

Json StepLog::to_json() const {
  Json line = values_;
  line["step"] = step_;
  return line;
}

Journal::Journal(const std::filesystem::path& file, FileSystem& files, std::ostream* terminal,
                 std::span<const Json> history, TensorBoardLog* tensorboard)
    : metrics_(file, files), terminal_(terminal), tensorboard_(tensorboard) {
  for (const Json& line : history) cost_usd_ += line.value("cost/usd", 0.0);
}

void Journal::write(const StepLog& log, std::int64_t last_step) {
  metrics_.write(log.to_json());
  if (tensorboard_ != nullptr) tensorboard_->write(log.step(), log.values());
  if (const auto seconds = log.get("timing_s/step"); seconds && log.step() > 0) {
    seconds_ += *seconds;
    ++steps_;
  }
  cost_usd_ += log.get("cost/usd").value_or(0.0);
  if (terminal_ != nullptr) *terminal_ << line(log, last_step) << std::endl;
}

void Journal::say(const std::string& sentence) {
  if (terminal_ != nullptr) *terminal_ << sentence << std::endl;
}

std::string Journal::line(const StepLog& log, std::int64_t last_step) {
  struct Column {
    const char* label;
    const char* metric;
  };
  static constexpr Column kColumns[] = {
      {"loss", "sft/loss"},
      {"held out", "sft/holdout_loss"},
      {"reward", "hri/policy_reward_mean"},
      {"reference", "hri/gt_reward_mean"},
      {"hri", "hri/weight"},
      {"length", "response_length/mean"},
      {"entropy", "actor/entropy"},
      {"grad", "actor/grad_norm"},
      {"validation", kValidationReward},
  };
  std::string out =
      fmt::format("step {:>{}}/{}", log.step(), std::to_string(last_step).size(), last_step);
  for (const auto& [label, metric] : kColumns) {
    if (const auto value = log.get(metric)) out += fmt::format("  {} {:.4g}", label, *value);
  }
  if (const auto failed = log.get("judge/failed"); failed && *failed > 0)
    out += fmt::format("  judge failures {:.0f}", *failed);
  if (log.get("update/skipped").value_or(0) > 0) out += "  UPDATE SKIPPED";
  if (const auto seconds = log.get("timing_s/step")) {
    out += fmt::format("  {}", human_seconds(*seconds));
    if (steps_ > 0 && log.step() < last_step)
      out += fmt::format("  ETA {}", human_seconds(seconds_ / static_cast<double>(steps_) *
                                                   static_cast<double>(last_step - log.step())));
  }
  if (cost_usd_ > 0) out += fmt::format("  ${:.2f}", cost_usd_);
  return out;
}

}  // namespace polaris
