// Bonus: the end comes back to the beginning.

#include <fmt/format.h>

#include <set>

#include "judge/lexical/measures.h"

namespace polaris::lexical {
namespace {

constexpr std::size_t kEnds = 100;        // words at either end of the story
constexpr std::int32_t kUncommon = 1500;  // rank from which a word does not return by chance
constexpr double kFullRing = 8.0;         // returning words for the whole range

}  // namespace

Finding ring(const StoryText& story) {
  const auto words = story.words();
  if (words.size() < 3 * kEnds) return {.why = "too short for a beginning and an end"};
  const auto is_uncommon = [&](const Word& word) {
    const std::int32_t rank = story.form(word).entry.rank;
    return story.is_content(word) && rank >= kUncommon;
  };
  std::set<std::uint32_t> opening;
  for (std::size_t i = 0; i < kEnds; ++i)
    if (is_uncommon(words[i])) opening.insert(story.form(words[i]).stem);
  std::set<std::uint32_t> returned;
  Finding finding;
  for (std::size_t i = words.size() - kEnds; i < words.size(); ++i) {
    const std::uint32_t stem = story.form(words[i]).stem;
    if (!is_uncommon(words[i]) || !opening.contains(stem) || !returned.insert(stem).second)
      continue;
    if (finding.quotes.size() < 2) finding.quotes.push_back(story.quote_around(i));
  }
  finding.share = std::min(1.0, static_cast<double>(returned.size()) / kFullRing);
  finding.why =
      fmt::format("{} uncommon words of the first 100 return in the last 100", returned.size());
  return finding;
}

}  // namespace polaris::lexical
