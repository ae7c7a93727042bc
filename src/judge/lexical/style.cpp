// P4: variety of words and of sentence lengths.

#include <fmt/format.h>

#include "judge/lexical/measures.h"
#include "judge/lexical/variety.h"

namespace polaris::lexical {
namespace {

constexpr double kWordsWeight = 0.75;
constexpr Scale kVariety = {0.54, 0.74};
constexpr Scale kRhythm = {0.35, 0.75};

/// Standard deviation of ln(words) over sentences.
double rhythm(const StoryText& story) {
  double sum = 0.0;
  double squares = 0.0;
  const auto count = static_cast<double>(story.sentences().size());
  if (count < 2.0) return 0.0;
  for (const Sentence& sentence : story.sentences()) {
    const double length = std::log(static_cast<double>(sentence.words()));
    sum += length;
    squares += length * length;
  }
  return std::sqrt(std::max(0.0, squares / count - sum * sum / (count * count)));
}

}  // namespace

double word_variety(const StoryText& story, std::size_t first, std::size_t end) {
  constexpr std::size_t kWindow = 100;
  std::vector<std::size_t> last_window(story.forms().size(), ~std::size_t{0});
  double sum = 0.0;
  std::size_t windows = 0;
  for_each_window(end - first, kWindow, [&](std::size_t from, std::size_t to) {
    std::size_t distinct = 0;
    for (std::size_t i = first + from; i < first + to; ++i) {
      std::size_t& seen = last_window[story.words()[i].form];
      distinct += seen != windows ? 1 : 0;
      seen = windows;
    }
    sum += static_cast<double>(distinct) / static_cast<double>(to - from);
    ++windows;
  });
  return windows > 0 ? sum / static_cast<double>(windows) : 0.0;
}

Finding voice(const StoryText& story) {
  const double variety = word_variety(story, 0, story.words().size());
  const double lengths = rhythm(story);
  Finding finding;
  finding.share =
      kWordsWeight * on(kVariety, variety) + (1.0 - kWordsWeight) * on(kRhythm, lengths);
  finding.why = fmt::format("{:.0f} different words in 100; sentence lengths vary by {:.2f}",
                            100.0 * variety, lengths);
  // The rarest word shows what there is of a manner.
  std::size_t rarest = story.words().size();
  std::int32_t rank = -1;
  for (std::size_t i = 0; i < story.words().size(); ++i) {
    const Word& word = story.words()[i];
    if (word.is_capital || story.form(word).entry.rank <= rank) continue;
    rank = story.form(word).entry.rank;
    rarest = i;
  }
  if (rank >= 0) finding.quotes.push_back(story.quote_around(rarest));
  return finding;
}

}  // namespace polaris::lexical
