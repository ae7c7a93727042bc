#pragma once

#include <filesystem>
#include <string>

#include "train/summary.h"

namespace polaris {

/// What a run changed on held-out prompts, as a table with intervals; then who judged, and how long
/// each phase took. Several lines.
std::string summary_text(const RunSummary& summary);

/// One prompt with its story before and after the run: that whose reward changed by the median
/// amount. The stories are shortened.
std::string stories_text(const std::filesystem::path& run_dir);

}  // namespace polaris
