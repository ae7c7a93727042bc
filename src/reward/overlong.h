#pragma once

#include <cstdint>
#include <optional>

#include "reward/reward_config.h"

namespace polaris {

/// A response in tokens.
struct ResponseTokens {
  std::int64_t count = 0;     ///< L, its end token included
  std::int64_t thinking = 0;  ///< s0, those of them that are thinking
  std::int64_t limit = 0;     ///< R_max, the most it may have
  bool is_cut = false;        ///< it has no end token
};

/// The penalty of a response that was cut within the last buffer_tokens before the limit, added to
/// the reward as it is (0 or less):
///
///   share = min(1, (L - (R_max - buffer_tokens)) / buffer_tokens)
///   kRow        -factor * share
///   kPerToken   -factor * share / (L - s0): as published, spread over the story's tokens of which
///               only the last is read, so in effect nothing; 0 where there is no story token
///   kOff        absent
///
/// Source: specs/recipe.md 6.6; golden/reward `composite_reward`.
std::optional<double> overlong_penalty(const ResponseTokens& response, const OverlongRule& rule);

}  // namespace polaris
