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

TorchLearnerOptions sft_learner_options(const RunConfig& config, const std::filesystem::path& model,
                                        std::int64_t steps) {
  TorchLearnerOptions options = learner_options(config);
  options.model.path = model.string();
  options.optimizer.lr = config.sft.lr;
  options.objective = Objective::kLikelihood;
  options.temperature = 1.0;
  options.total_steps = steps;
  return options;
}

LoraConfig found(LoraConfig lora, const std::filesystem::path& config_file) {
  if (!lora.adapter.empty()) lora.adapter = find_input(lora.adapter, config_file).string();
  return lora;
}

}  // namespace polaris
