#pragma once

#include "base/json.h"
#include "rl/types.h"

namespace polaris {

/// {"origin", "tokens", "logprobs", "sampled_logprobs", "text", "stop"}: docs/file_formats.md.
/// Every number comes back as it was.
Json rollout_json(const Rollout& rollout);

/// The rollout in an object that rollout_json() made. @throws Json::exception
Rollout rollout_from_json(const Json& json);

}  // namespace polaris
