// What tests of LocalRolloutEngine share.
#pragma once

#include <fmt/format.h>

#include <vector>

#include "rollout/local_engine.h"

namespace polaris {

inline const OnRollout kIgnore = [](std::size_t, std::size_t, const Rollout&) {};

/// Prompts of uneven lengths.
inline std::vector<Prompt> made_prompts(std::size_t count) {
  std::vector<Prompt> made;
  for (std::size_t p = 0; p < count; ++p) {
    Prompt prompt{.id = fmt::format("prompt {}", p)};
    for (std::size_t i = 0; i < 3 + 5 * p; ++i)
      prompt.tokens.push_back(static_cast<TokenId>((7 * p + 11 * i) % 300));
    made.push_back(prompt);
  }
  return made;
}

/// Rollouts end at different moments: a tenth of the vocabulary ends them.
inline LocalRolloutEngine::Options options(std::int64_t slots) {
  LocalRolloutEngine::Options options{.seed = 7, .slots = slots};
  for (TokenId token = 0; token < 320; token += 20) options.stop_tokens.push_back(token);
  return options;
}

}  // namespace polaris
