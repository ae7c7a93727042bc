#include "rollout/rollout_text.h"

#include <span>

namespace polaris {

std::string rollout_text(const Tokenizer& tokenizer, const Rollout& rollout) {
  std::span<const TokenId> tokens = rollout.tokens;
  if (rollout.stop == StopReason::kEndOfText && !tokens.empty())
    tokens = tokens.first(tokens.size() - 1);
  return tokenizer.decode(tokens, /*skip_special=*/true);
}

}  // namespace polaris
