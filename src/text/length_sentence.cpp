#include "text/length_sentence.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstddef>

#include "text/length_phrase.h"
#include "text/strip.h"
#include "text/unicode.h"

namespace polaris {
namespace {

bool is_ascii_digit(char c) { return c >= '0' && c <= '9'; }

/// First match of (\d+)\s+words\s+long.
std::optional<std::int64_t> published_target(std::string_view prompt) {
  for (std::size_t at = 0; at < prompt.size(); ++at) {
    if (!starts_with_ignoring_case(prompt.substr(at), "words")) continue;
    std::string_view rest = prompt.substr(at + 5);
    if (!skip_some_space(rest) || !starts_with_ignoring_case(rest, "long")) continue;
    const std::string_view before = right_strip(prompt.substr(0, at));
    if (before.size() == at) continue;
    std::size_t begin = before.size();
    while (begin > 0 && is_ascii_digit(before[begin - 1])) --begin;
    if (begin == before.size()) continue;
    std::int64_t value = 0;
    for (const char c : before.substr(begin))
      value = std::min<std::int64_t>(1'000'000'000, value * 10 + (c - '0'));
    return value;
  }
  return std::nullopt;
}

/// Last match of words\s+long\b.
std::optional<std::size_t> last_words_long(std::string_view prompt) {
  for (std::size_t at = prompt.size(); at-- > 0;) {
    if (!starts_with_ignoring_case(prompt.substr(at), "words")) continue;
    std::string_view rest = prompt.substr(at + 5);
    if (!skip_some_space(rest) || !starts_with_ignoring_case(rest, "long")) continue;
    std::size_t end = 4;
    if (end == rest.size() || !is_word(decode_utf8(rest, end))) return at;
  }
  return std::nullopt;
}

std::string without_rest_of_prompt(std::string_view prompt) {
  const auto at = last_words_long(prompt);
  if (!at) return std::string(prompt);
  const auto boundary = prompt.substr(0, *at).find_last_of(".!?\n");
  if (boundary == std::string_view::npos) return std::string(prompt);
  return std::string(right_strip(prompt.substr(0, boundary + 1)));
}

}  // namespace

std::optional<std::int64_t> target_words(std::string_view prompt, TargetWordsRule rule) {
  if (rule == TargetWordsRule::kPublished) return published_target(prompt);
  const auto phrases = asking_phrases(prompt);
  if (phrases.empty()) return std::nullopt;
  return phrases.front().words;
}

std::string without_length_sentence(std::string_view prompt, LengthSentenceRule rule) {
  if (rule == LengthSentenceRule::kRestOfPrompt) return without_rest_of_prompt(prompt);
  const auto phrases = asking_phrases(prompt);
  if (phrases.empty()) return std::string(prompt);
  const std::int64_t words = phrases.back().words;
  std::string out(prompt);
  // The same length may be asked for more than once; every round takes one phrase away.
  constexpr std::size_t kMostRounds = 16;
  auto rounds = std::min(kMostRounds, find_length_phrases(prompt).size());
  for (; rounds > 0; --rounds) {
    const auto rest = asking_phrases(out);
    const auto last = std::find_if(rest.rbegin(), rest.rend(), [&](const LengthPhrase& phrase) {
      return phrase.words == words;
    });
    if (last == rest.rend()) break;
    out = without_length(out, *last);
  }
  return out;
}

std::string with_length_sentence(std::string_view prompt, std::int64_t words) {
  std::string out(strip(without_length_sentence(prompt, LengthSentenceRule::kThatSentence)));
  constexpr std::string_view kSentenceEnds = ".!?\"')";
  if (!out.empty() && (out.back() & 0x80) == 0 &&
      kSentenceEnds.find(out.back()) == std::string_view::npos)
    out += '.';
  return fmt::format("{}{}The story should be {} words long.", out, out.empty() ? "" : " ", words);
}

}  // namespace polaris
