#include "rollout/story_room.h"

#include <algorithm>
#include <cmath>

#include "text/words.h"

namespace polaris {
namespace {

/// A story may end 10 % late, and its words may take 15 % more tokens than others did.
constexpr double kSpare = 1.10 * 1.15;

}  // namespace

std::int64_t StoryRoom::answer_tokens(std::int64_t words) const {
  const double story = kSpare * static_cast<double>(words) * tokens_per_word;
  return static_cast<std::int64_t>(std::ceil(story)) + thinking_tokens;
}

std::int64_t StoryRoom::most_words(std::int64_t context_tokens) const {
  const auto left = static_cast<double>(context_tokens - prompt_tokens - thinking_tokens);
  return static_cast<std::int64_t>(std::max(0.0, std::floor(left / (kSpare * tokens_per_word))));
}

double tokens_per_word(const Tokenizer& tokenizer, std::string_view text) {
  const double usual = StoryRoom{}.tokens_per_word;
  const std::int64_t words = count_words(text);
  if (words == 0) return usual;
  const auto tokens = static_cast<double>(tokenizer.encode_plain(text).size());
  return std::max(usual, tokens / static_cast<double>(words));
}

}  // namespace polaris
