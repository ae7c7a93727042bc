#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "base/json.h"

namespace polaris {

// The stories that a report shows, as its page reads them (assets/report/report.js).

/// A group of rollouts.jsonl for each of these steps: best, median and worst by reward beside the
/// reference. The first group of a step that has a reference is taken, else its first.
Json shown_groups(const std::filesystem::path& run_dir, std::span<const std::int64_t> steps,
                  std::vector<std::string>& problems);

/// A held-out prompt's story in the first and in the last validation: of the prompt whose reward
/// changed by the median amount, so that it is neither the luckiest nor the worst. Null if there
/// are no two validations.
Json shown_pair(const std::filesystem::path& run_dir, std::vector<std::string>& problems);

}  // namespace polaris
