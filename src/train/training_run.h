#pragma once

#include <filesystem>
#include <functional>
#include <ostream>
#include <string>

#include "nn/torch_learner.h"
#include "train/run_config.h"

namespace polaris {

/// Who judges, in a word: the models of HTTP judges, "lexical", "replay" or "none".
std::string judge_name(const JudgeConfig& judge);

/// A run of the recipe on a real model.
struct TrainingRun {
  RunConfig config;
  std::filesystem::path config_file;  ///< what the inputs' relative paths may be relative to
  std::filesystem::path run_dir;
  std::ostream* terminal = nullptr;  ///< one line per step; null: silent
  std::function<bool()> interrupted = [] { return false; };
  std::function<void(const std::string& note)> note = [](const std::string&) {};
  /// The ranks that train together; each starts its own, with the same configuration, and rank 0
  /// alone speaks. Null: one process.
  Collective* collective = nullptr;
  /// Settles what the configuration leaves to the machine: which device is this rank's, the type of
  /// the moments and the size of micro-batches where they are to come from the memory plan.
  std::function<void(TorchLearnerOptions&, const ModelConfig&)> settle = [](TorchLearnerOptions&,
                                                                            const ModelConfig&) {};

  /// Builds the parts that the configuration names and trains to the last step, from the newest
  /// checkpoint of the run directory or from the start; then writes summary and report.
  /// @throws what run_recipe() and the parts throw
  void start() const;
};

}  // namespace polaris
