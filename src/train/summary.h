#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "eval/evaluation.h"

namespace polaris {

/// What a run ended with: summary.json (docs/file_formats.md).
struct RunSummary {
  std::string judge;                             ///< who graded: "lexical", "http"
  std::int64_t steps = 0;                        ///< updates done
  std::int64_t before_step = 0, after_step = 0;  ///< the validations that are compared
  std::int64_t stories_before = 0, stories_after = 0;
  std::vector<Comparison> measures;  ///< those that were computed, in the order of measures()
  std::optional<double> cost_usd;
  std::map<std::string, double> seconds;  ///< per phase: "gen", "reward", ..., "step" for all
};

/// Compares the first validation with the last one and adds up time and money, from the files of a
/// run directory: so it is the same for a run that was killed and continued.
RunSummary summarise_run(const std::filesystem::path& run_dir, const EvalConfig& config,
                         std::string judge);

Json to_json(const RunSummary& summary);

/// Writes summary.json, whole or not at all.
void write_summary(const std::filesystem::path& run_dir, const RunSummary& summary,
                   FileSystem& files = real_file_system());

}  // namespace polaris
