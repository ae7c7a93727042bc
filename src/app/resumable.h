#pragma once

#include <functional>
#include <string>

#include "train/training_run.h"

namespace polaris {

/// Runs `work` with Ctrl-C watched for. Where that ended it, the error also says to go on with the
/// command `again`.
void resumable(const std::function<void()>& work, const std::string& again);

/// A training that shows its steps and notes on the terminal.
TrainingRun terminal_run(const RunConfig& config, const std::filesystem::path& config_file,
                         const std::filesystem::path& run_dir);

}  // namespace polaris
