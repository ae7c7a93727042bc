#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "nn/policy.h"
#include "rl/types.h"

namespace polaris {

/// Mean log-probability per token, in nats, that a model gives the references of prompts in the
/// context it is trained on them: prompt, plan, story. By prompt id; prompts without a reference
/// that is used for training are left out.
std::map<std::string, double> reference_logprobs(
    const Policy& policy, const std::vector<Prompt>& prompts,
    const std::function<std::optional<Rollout>(const Prompt&)>& encode_reference);

}  // namespace polaris
