#pragma once

#include <string>

#include "train/run_config.h"

namespace polaris {

/// What a run will do, read from its configuration, its data and the model's config.json alone.
struct TrainCheck {
  RunConfig config;
  std::string config_file;
  std::string plan_for;  ///< "cuda:80GB"; empty: this machine
  int ranks = 1;         ///< data-parallel processes
};

/// The plan of the run for people: data, steps, judge calls, expected cost, memory per phase.
/// Nothing is loaded and nothing is written. A model that is not on this machine is planned by the
/// shipped architecture of the same name.
/// @throws Error{kIo, kInvalidData, kInvalidConfig} for what the run itself would refuse;
///         Error{kOutOfMemory} with the plan's remedies if it does not fit on `plan_for`
std::string check_text(const TrainCheck& check);

}  // namespace polaris
