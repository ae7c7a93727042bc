#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace polaris {

/// How the requested length is read from a prompt.
enum class TargetWordsRule {
  /// The first `digits words long`, in any case: "2,500 words long" gives 500, "1500-word" nothing.
  kPublished,
  /// The same with thousands separators ("2,500", "2.500"), "k" ("2.5k") and a hyphen
  /// ("1500-word-long"); if there is none, the first "N words" or "N-word" with N >= 50.
  kCorrected,
};

/// The requested number of words, as it is written: 0 if the prompt says 0, absent if it names
/// none. The floor of 150 and the record's own `target_word_count` are the reward's business.
/// Source: specs/recipe.md 6.4, specs/evaluation.md 1.1; golden/reward `strip_length_sentence`.
std::optional<std::int64_t> target_words(std::string_view prompt, TargetWordsRule rule);

/// What the judge does not see of a prompt (specs/config.md `length_sentence`).
enum class LengthSentenceRule {
  /// Published: from the last "words long" back to the nearest . ! ? or line feed, everything goes
  /// that comes after it, later sentences too; unchanged if there is no such character.
  kRestOfPrompt,
  /// That sentence only, if it speaks of nothing but length; otherwise the length phrase in it
  /// ("Write a 2000-word story about fog." keeps its premise). Reads lengths as kCorrected does.
  kThatSentence,
};

/// The prompt without its requested length, so that the judge cannot grade by it.
/// Source: specs/recipe.md 6.2.
std::string without_length_sentence(std::string_view prompt, LengthSentenceRule rule);

/// The prompt asking for `words` words in the one form that models are trained on, "The story
/// should be N words long.", whatever it asked for before. Source: specs/local_inference.md 6.5.
std::string with_length_sentence(std::string_view prompt, std::int64_t words);

}  // namespace polaris
