// Test support: ways to spoil a story, each aimed at one dimension of the rubric.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "judge/lexical/stories_testing.h"

namespace polaris::lexical {

/// A story spoilt in one way. Deterministic.
struct Defect {
  std::string_view dimension;  ///< the one that it is aimed at: "P1"
  std::string_view name;
  std::string (*apply)(const TestStory& story, int severity);  ///< severity 1, 2, 3
};

/// P1 ... P6, N1 ... N10, in this order.
const std::vector<Defect>& own_defects();

}  // namespace polaris::lexical
