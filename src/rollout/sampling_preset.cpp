#include "rollout/sampling_preset.h"

namespace polaris {

const std::vector<SamplingPreset>& sampling_presets() {
  static const std::vector<SamplingPreset> presets = {
      {.name = "story",
       .assignments = {"rollout.temperature=0.6", "rollout.top_p=0.95", "rollout.top_k=20",
                       "rollout.min_p=0", "rollout.repetition_penalty=1.1",
                       "rollout.dry_multiplier=0.8", "rollout.dry_base=1.75",
                       "rollout.dry_allowed_length=4", "rollout.dry_range=4096"}},
      {.name = "train",
       .assignments = {"rollout.temperature=1", "rollout.top_p=0.95", "rollout.top_k=20",
                       "rollout.min_p=0", "rollout.repetition_penalty=1.1",
                       "rollout.dry_multiplier=0"}},
  };
  return presets;
}

}  // namespace polaris
