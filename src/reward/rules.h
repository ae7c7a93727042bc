#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>

#include "reward/length.h"
#include "reward/overlong.h"
#include "reward/reward_config.h"
#include "reward/scorer.h"
#include "rl/types.h"
#include "text/tokenizer.h"

namespace polaris {

/// What the rules look at.
struct RuleInput {
  LengthRequest request;
  std::string_view story;
  std::optional<ResponseTokens> tokens;  ///< absent: only the text is known
};

/// The parts of a reward that need no judge. Without the response's tokens `overlong` and
/// `thinking` are absent; so they are where their rule is off. A prompt that asks for no length
/// has nothing to be measured against: its length penalty is 0 (specs/recipe.md 6.4).
RewardParts rule_parts(const RuleInput& input, const RewardConfig& config);

/// s0 of a rollout, in tokens.
using ThinkingTokensOf = std::function<std::size_t(const Rollout& rollout)>;

/// Counts up to and with the token that completes the first "</think>"; 0 if it does not occur.
/// Borrows `tokenizer`.
ThinkingTokensOf thinking_tokens_of(const Tokenizer& tokenizer);

/// How the responses of a run are read.
struct ResponseForm {
  bool prompt_opens_thinking = true;  ///< opens_thinking() of the rendered prompts
  std::int64_t max_tokens = 0;        ///< R_max: data.max_response_tokens
  ThinkingTokensOf thinking_tokens;
};

/// The rules as the Scorer asks for them. Where thinking that never closes leaves no story
/// (reward.unclosed_thinking = "empty"), all of its tokens are thinking.
RuleParts rules_for_scorer(const RewardConfig& config, ResponseForm form);

/// The stories that go with them. Source: specs/recipe.md 6.1.
StoryOf stories_for_scorer(const RewardConfig& config, bool prompt_opens_thinking);

}  // namespace polaris
