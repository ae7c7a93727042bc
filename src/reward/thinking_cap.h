#pragma once

#include <cstdint>
#include <optional>

#include "reward/reward_config.h"

namespace polaris {

/// The penalty of thinking that is longer than `tokens`, added to the reward as it is (0 or less):
///
///   -penalty * min(1, (s0 - tokens) / tokens)   if s0 > tokens, else 0; absent if not enabled
///
/// The published rule takes its penalty off thinking tokens, whose values never reach the score, so
/// neither preset enables it. Source: specs/recipe.md 6.6.
///
/// @param thinking_tokens  s0
std::optional<double> thinking_penalty(std::int64_t thinking_tokens, const ThinkingCap& rule);

}  // namespace polaris
