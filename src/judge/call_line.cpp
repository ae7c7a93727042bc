#include "judge/call_line.h"

#include <fmt/format.h>

namespace polaris {

CallLine::Next CallLine::next(double now_steady_s) {
  constexpr double kOthersSettle_s = 0.25;
  if (waiting_.empty() || !gate_.has_room()) return {};
  if (const double wait_s = gate_.closed_until_s() - now_steady_s; wait_s > 0)
    return {.look_again_s = wait_s};
  const ErrandPtr errand = waiting_.front();
  const double most =
      writer_.most_usd(errand->request, errand->output_limit, errand->tier).value_or(0.0);
  switch (budget_->reserve(most)) {
    case Budget::Answer::kNever:
      return {.stop = Error(ErrorCode::kBudget,
                            fmt::format("the next call could cost ${:.4f}, and with ${:.4f} spent "
                                        "that could exceed judge.budget_usd = {}; raise it and "
                                        "start the same command again",
                                        most, budget_->spent_usd(), budget_->limit_usd()))};
    case Budget::Answer::kLater:  // another judge's call may be what it waits for
      return {.look_again_s = kOthersSettle_s};
    case Budget::Answer::kReserved:
      break;
  }
  waiting_.pop_front();
  return {.errand = errand, .most_usd = most};
}

}  // namespace polaris
