#pragma once

#include <string>

namespace polaris {

struct RunConfig;

/// `polaris judge --check`: asks the configured judge about the frozen set and prints its card.
/// @param in   JSON lines of stories in place of the shipped eight; may be empty
/// @param out  where the card goes as JSON; may be empty
void check_judge(const RunConfig& config, const std::string& in, const std::string& out);

}  // namespace polaris
