#pragma once

#include <string>

#include "rl/types.h"
#include "text/tokenizer.h"

namespace polaris {

/// What the tokens of a rollout say, without its stop token and without special tokens.
std::string rollout_text(const Tokenizer& tokenizer, const Rollout& rollout);

}  // namespace polaris
