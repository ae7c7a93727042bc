#include "judge/budget.h"

#include <fmt/format.h>

#include "judge/answer_store.h"

namespace polaris {

Budget::Answer Budget::reserve(double max_usd) {
  if (limit_usd_ <= 0) return Answer::kReserved;
  const std::lock_guard lock(mutex_);
  if (spent_usd_ + max_usd > limit_usd_) return Answer::kNever;
  if (spent_usd_ + reserved_usd_ + max_usd > limit_usd_) return Answer::kLater;
  reserved_usd_ += max_usd;
  return Answer::kReserved;
}

void Budget::settle(double max_usd, double cost_usd) {
  const std::lock_guard lock(mutex_);
  if (limit_usd_ > 0) reserved_usd_ -= max_usd;
  spent_usd_ += cost_usd;
}

double Budget::spent_usd() const {
  const std::lock_guard lock(mutex_);
  return spent_usd_;
}

std::shared_ptr<Budget> budget_of_run(const JudgeConfig& config, const std::string& run_id,
                                      const std::function<void(const std::string&)>& note) {
  const auto spending = AnswerStore(answer_store_path(config.cache)).spending(run_id);
  if (spending.possible_calls > 0 && note)
    note(
        fmt::format("{} earlier calls of this run ended without an answer and may have been "
                    "charged, up to ${:.4f}",
                    spending.possible_calls, spending.possible_usd));
  return std::make_shared<Budget>(config.budget_usd, spending.usd + spending.possible_usd);
}

}  // namespace polaris
