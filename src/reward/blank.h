#pragma once

#include "reward/reward_config.h"
#include "text/words.h"

namespace polaris {

/// B: 1 for a story that is hardly there (fewer than min_words words, or a smaller share of visible
/// characters than min_visible), else 0. Source: specs/recipe.md 6.4; golden/reward `blank_length`.
double blank_penalty(const TextCounts& story, const BlankRule& rule);

}  // namespace polaris
