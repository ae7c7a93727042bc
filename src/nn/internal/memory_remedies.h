#pragma once

#include <functional>
#include <vector>

#include "nn/memory_plan.h"

namespace polaris {

/// What would make training smaller, and by how much; what is enough alone comes first.
/// @param plan    of `request`, which does not fit
/// @param choose  plan_memory without remedies
std::vector<Remedy> find_remedies(const MemoryRequest& request, const MemoryPlan& plan,
                                  const std::function<MemoryPlan(const MemoryRequest&)>& choose);

}  // namespace polaris
