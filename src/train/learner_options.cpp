#include "train/learner_options.h"

namespace polaris {

TorchLearnerOptions learner_options(const RunConfig& config) {
  return {.model = config.model,
          .optimizer = config.optimizer,
          .learner = config.learner,
          .loss = config.loss,
          .device = config.device,
          .temperature = config.rollout.sampling.temperature,
          .total_steps = config.train.steps,
          .seed = static_cast<std::uint64_t>(config.seed)};
}

}  // namespace polaris
