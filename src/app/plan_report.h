#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "app/plan_request.h"
#include "base/json.h"
#include "nn/memory_plan.h"

namespace polaris {

/// "8,953,803,264"
std::string grouped(std::int64_t number);

/// The plan as a table, items down and phases across, then what was chosen, whether it fits, and
/// what would help. Several lines.
std::string plan_text(const MemoryPlan& plan, const PlanTarget& target);

/// The same; bytes as numbers.
Json plan_json(const MemoryPlan& plan, const PlanTarget& target);

}  // namespace polaris
