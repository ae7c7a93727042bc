#include "rollout/rollout_engine.h"

#include "base/error.h"

namespace polaris {

void RolloutRequest::check() const {
  POLARIS_CHECK(rollouts_per_prompt > 0 && sampling.max_new_tokens > 0, "{} rollouts of {} tokens",
                rollouts_per_prompt, sampling.max_new_tokens);
  POLARIS_CHECK(prompts.empty() || skip < prompts.size() * rollouts_per_prompt,
                "all sequences are skipped");
}

}  // namespace polaris
