#include "rollout/rollout_engine.h"

#include <algorithm>

#include "base/error.h"

namespace polaris {

std::size_t RolloutRequest::end() const {
  const std::size_t all = prompts.size() * rollouts_per_prompt;
  return take ? std::min(all, skip + *take) : all;
}

void RolloutRequest::check() const {
  POLARIS_CHECK(rollouts_per_prompt > 0 && sampling.max_new_tokens > 0, "{} rollouts of {} tokens",
                rollouts_per_prompt, sampling.max_new_tokens);
  POLARIS_CHECK(prompts.empty() || skip < end(), "no sequence is wanted");
}

}  // namespace polaris
