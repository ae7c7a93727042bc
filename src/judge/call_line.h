#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <utility>

#include "base/error.h"
#include "judge/budget.h"
#include "judge/call_gate.h"
#include "judge/call_writer.h"
#include "judge/errand.h"

namespace polaris {

/// Stories in line for their next call, which needs room at the gate and in the budget. For one
/// thread and without a clock; others may share the budget.
class CallLine {
 public:
  /// `writer` is borrowed: it knows what calls can cost.
  CallLine(const CallWriter& writer, std::int64_t concurrency, std::shared_ptr<Budget> budget)
      : writer_(writer), gate_(concurrency), budget_(std::move(budget)) {}

  void add(ErrandPtr errand) { waiting_.push_back(std::move(errand)); }

  bool is_empty() const { return waiting_.empty(); }

  /// Takes all out.
  std::deque<ErrandPtr> clear() { return std::exchange(waiting_, {}); }

  /// What is to be done now: one of these; none while the line is empty or the gate is full.
  struct Next {
    ErrandPtr errand;                          ///< calls now, and is out of the line
    double most_usd = 0.0;                     ///< ... with so much reserved
    std::optional<double> look_again_s = {};   ///< nobody can go before
    std::optional<Error> stop = std::nullopt;  ///< nobody can go ever
  };
  Next next(double now_steady_s);

  /// Ends the reservation of a call.
  void settle(double most_usd, double cost_usd) { budget_->settle(most_usd, cost_usd); }

  CallGate& gate() { return gate_; }

 private:
  const CallWriter& writer_;
  CallGate gate_;
  std::shared_ptr<Budget> budget_;
  std::deque<ErrandPtr> waiting_;
};

}  // namespace polaris
