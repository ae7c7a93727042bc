#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/json.h"
#include "eval/paired_table.h"
#include "train/training_run.h"

namespace polaris {

/// What human-reference injection changes: the same run with and without it, over several seeds.
///
/// The runs lie in `seed_N/with` and `seed_N/without` of the ablation's folder; those that are done
/// are not done again. Compared are, on the prompts of data.validation, what the last validation
/// wrote, and how likely the models find the human stories (reference_logprobs()), held-out ones
/// and those of the training.
struct Ablation {
  TrainingRun run;         ///< its seed, hri.enabled and run_dir are set for each of the runs
  std::int64_t seeds = 5;  ///< from the configuration's seed on

  struct Table {
    std::string measure;  ///< "reward", "reference log-prob, held out"
    std::vector<PairedRow> rows;
  };

  /// @throws Error{kInvalidConfig} if the configuration injects nothing or validates nothing; what
  ///         TrainingRun::start() throws
  std::vector<Table> start() const;
};

Json to_json(const std::vector<Ablation::Table>& tables);

/// The tables for people.
std::string ablation_text(const std::vector<Ablation::Table>& tables);

}  // namespace polaris
