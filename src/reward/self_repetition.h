#pragma once

#include <string_view>

#include "reward/reward_config.h"

namespace polaris {

/// How much a story repeats itself, dimensionless: three addends, each with its weight in it.
///
///   grams = grams_weight * 0.7 * max(0, repeated - hinge)
///   local = grams_weight * 0.3 * nearby
///   lines = lines_weight * repeated lines
///   R     = min(cap, grams + local + lines)
///
/// `repeated` is the share of the story's n-grams that equal an earlier one, `nearby` of those that
/// equal one of the window - 1 before them, `repeated lines` the share of non-blank lines that
/// equal an earlier one. Grams run over lower-cased words and punctuation marks; what equal means
/// is text/repeats.h. All shares of an empty story are 0.
struct SelfRepetition {
  double grams = 0.0;
  double local = 0.0;
  double lines = 0.0;
  double penalty = 0.0;  ///< R
};

/// Source: specs/recipe.md 6.3; golden/reward `self_repeat`.
SelfRepetition self_repetition(std::string_view story, const SelfRepetitionRule& rule);

}  // namespace polaris
