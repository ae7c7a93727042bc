#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "eval/evaluated_story.h"

namespace polaris {

// What others read from a run directory: reports, summaries. A file may be missing, torn at its end
// by a killed writer, or damaged; what is whole is read, and `problems` say what was not.

/// metrics.jsonl by column.
struct MetricsTable {
  std::vector<std::int64_t> steps;
  /// Each as long as `steps`; nothing where a step has no such number.
  std::map<std::string, std::vector<std::optional<double>>> columns;

  /// The sum over all steps; nothing if no step has the number.
  std::optional<double> total(const std::string& name) const;
};
MetricsTable read_metrics(const std::filesystem::path& run_dir, std::vector<std::string>& problems);

/// The stories of validation/step_N.jsonl.
std::vector<EvaluatedStory> read_validation(const std::filesystem::path& run_dir, std::int64_t step,
                                            std::vector<std::string>& problems);

/// The steps that have such a file, in order.
std::vector<std::int64_t> validation_steps(const std::filesystem::path& run_dir);

/// Calls `use` for every whole line of a JSON Lines file of the run directory.
void for_each_line(const std::filesystem::path& file, std::vector<std::string>& problems,
                   const std::function<void(const Json& line)>& use);

}  // namespace polaris
