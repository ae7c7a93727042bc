#pragma once

#include <cstdint>
#include <filesystem>

#include "nn/torch_learner.h"
#include "train/run_config.h"

namespace polaris {

/// What a run's configuration says about its learner.
TorchLearnerOptions learner_options(const RunConfig& config);

/// The same for supervised training of the checkpoint in `model`.
TorchLearnerOptions sft_learner_options(const RunConfig& config, const std::filesystem::path& model,
                                        std::int64_t steps);

/// With the adapter's path as find_input() finds it.
LoraConfig found(LoraConfig lora, const std::filesystem::path& config_file);

}  // namespace polaris
