#include "rl/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/error.h"

namespace polaris {

std::vector<std::string> enum_names(Schedule) { return {"constant", "linear", "cosine"}; }

double learning_rate(double peak, Schedule schedule, std::int64_t warmup_steps, std::int64_t step,
                     std::int64_t total_steps) {
  POLARIS_CHECK(step >= 1, "step is {}", step);
  if (step <= warmup_steps)
    return peak * static_cast<double>(step) / static_cast<double>(warmup_steps);
  if (schedule == Schedule::kConstant) return peak;
  const auto span = static_cast<double>(std::max<std::int64_t>(1, total_steps - warmup_steps));
  const double t = std::min(1.0, static_cast<double>(step - 1 - warmup_steps) / span);
  return schedule == Schedule::kLinear ? peak * (1.0 - t)
                                       : peak * 0.5 * (1.0 + std::cos(std::numbers::pi * t));
}

}  // namespace polaris
