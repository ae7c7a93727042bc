#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "reward/reward_config.h"
#include "text/words.h"

namespace polaris {

/// Where the requested number of words may stand.
struct LengthRequest {
  std::string_view prompt;                   ///< plain text
  std::optional<std::int64_t> target_words;  ///< the record's `target_word_count`
  std::string_view target_text;              ///< the record's `target`: read by kPromptOnly alone
};

/// How `reward.nfc` counts words.
inline WordForm word_form(const RewardConfig& config) {
  return config.nfc ? WordForm::kNfc : WordForm::kAsIs;
}

/// T, in words, at least reward.length_rule.min_target:
///
///   kFieldFirst   the record's target_words, else what the prompt asks for ("2,000 words",
///                 "1500-word"); absent if there is neither
///   kPromptOnly   the first "N words long" of the prompt, else the number of words of
///                 target_text; so never absent. Its defects are part of it: "2,500 words long"
///                 is 500
///
/// Source: specs/recipe.md 6.4.
std::optional<std::int64_t> requested_words(const LengthRequest& request,
                                            const RewardConfig& config);

/// The lengths that cost nothing, in words, both ends included.
struct FreeBand {
  std::int64_t shortest = 0;  ///< T - int(clamp(lower_fraction T, lower_words)); may be negative
  std::int64_t longest = 0;   ///< T + int(clamp(upper_fraction T, upper_words))
};
FreeBand free_band(std::int64_t target, const LengthRule& rule);

/// Lp, in [0, 1]:
///
///   words < shortest   min(1, 1 - words / max(1, shortest))
///   words > longest    min(1, words / max(1, longest) - 1)
///   otherwise          0
///
/// A small target asks for nothing from below: with the recipe's numbers `shortest` is negative up
/// to T = 350, and only the blank penalty stops an empty story.
///
/// Source: specs/recipe.md 6.4; golden/reward `blank_length`.
///
/// @param words   of the story (TextCounts::words)
/// @param target  T, from 1
double length_penalty(std::int64_t words, std::int64_t target, const LengthRule& rule);

}  // namespace polaris
