#pragma once

#include <cstdint>
#include <string_view>

#include "text/tokenizer.h"

namespace polaris {

/// Whether a context has room for a story of a wanted length: tokens are what it holds, words what
/// people ask for. Source: specs/local_inference.md 4.5, 8.7.
struct StoryRoom {
  double tokens_per_word = 1.35;  ///< of English prose, with a vocabulary of usual size
  std::int64_t prompt_tokens = 0;
  std::int64_t thinking_tokens = 1536;  ///< kept for a plan; 0 for a model that does not think

  /// Tokens of an answer that has `words` words and some more, its plan included.
  std::int64_t answer_tokens(std::int64_t words) const;

  /// Prompt and answer.
  std::int64_t context_tokens(std::int64_t words) const {
    return prompt_tokens + answer_tokens(words);
  }

  /// The longest story that a context of so many tokens holds; 0 if it holds none.
  std::int64_t most_words(std::int64_t context_tokens) const;
};

/// Tokens per word of a text, and never less than StoryRoom's: small vocabularies cut words into
/// more pieces.
double tokens_per_word(const Tokenizer& tokenizer, std::string_view text);

}  // namespace polaris
