#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "judge/judge_config.h"

namespace polaris {

/// What a run may spend. Every call reserves the most it can cost before it goes out and settles
/// for what it did cost, so the limit holds whatever is in flight. The judges of a panel share one.
/// Any thread may call any function.
class Budget {
 public:
  /// @param limit_usd  0: no limit
  /// @param spent_usd  by earlier parts of the run, what may have been charged included
  Budget(double limit_usd, double spent_usd) : limit_usd_(limit_usd), spent_usd_(spent_usd) {}

  enum class Answer {
    kReserved,
    kLater,  ///< it may fit once calls in flight have settled
    kNever,  ///< it could exceed the limit
  };
  Answer reserve(double max_usd);

  /// Ends a reservation of `max_usd`.
  void settle(double max_usd, double cost_usd);

  double limit_usd() const { return limit_usd_; }
  double spent_usd() const;

 private:
  const double limit_usd_;
  mutable std::mutex mutex_;
  double spent_usd_;
  double reserved_usd_ = 0.0;
};

/// judge.budget_usd, less what the run's stored calls have cost.
/// @param note  hears of calls that may have been charged
/// @throws as AnswerStore
std::shared_ptr<Budget> budget_of_run(const JudgeConfig& config, const std::string& run_id,
                                      const std::function<void(const std::string&)>& note);

}  // namespace polaris
