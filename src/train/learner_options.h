#pragma once

#include "nn/torch_learner.h"
#include "train/run_config.h"

namespace polaris {

/// What a run's configuration says about its learner.
TorchLearnerOptions learner_options(const RunConfig& config);

}  // namespace polaris
