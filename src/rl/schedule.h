#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace polaris {

enum class Schedule { kConstant, kLinear, kCosine };
std::vector<std::string> enum_names(Schedule);

/// Learning rate of `step` (1-based) of `total_steps`: rises linearly over the warm-up, whose last
/// step has the full rate, then stays (constant) or falls towards 0 (linear, half a cosine), which
/// would be reached one step after the last. The recipe's own: constant, no warm-up.
double learning_rate(double peak, Schedule schedule, std::int64_t warmup_steps, std::int64_t step,
                     std::int64_t total_steps);

}  // namespace polaris
