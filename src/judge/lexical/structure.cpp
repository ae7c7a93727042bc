// P2: tempo and ending.

#include <fmt/format.h>

#include "judge/lexical/measures.h"

namespace polaris::lexical {
namespace {

constexpr double kEndingWeight = 0.4;
constexpr Scale kTempo = {0.15, 0.65};
constexpr double kFullParagraph = 5.0;   // sentences
constexpr double kLongParagraph = 40.0;  // sentences; beyond it there is no paragraphing any more

/// 1 for a story that ends with a sentence; less for one that breaks off, least behind a word that
/// something must follow.
double ending(const StoryText& story) {
  if (story.sentences().empty()) return 0.0;
  if (story.sentences().back().has_terminator) return 1.0;
  return story.is(story.words().back(), kFunctionWord) ? 0.0 : 0.2;
}

/// How far the story has paragraphs, between a list of single sentences (0) and one block (near 0):
/// the mean over words of log(sentences) / log(5) of their paragraph, at most 1.
double paragraph_tempo(const StoryText& story) {
  std::vector<double> sentences(story.paragraphs(), 0.0);
  for (const Sentence& sentence : story.sentences()) ++sentences[sentence.paragraph];
  double sum = 0.0;
  for (const Sentence& sentence : story.sentences()) {
    const double count = sentences[sentence.paragraph];
    const double fullness = std::min(1.0, std::log(count) / std::log(kFullParagraph));
    sum += sentence.words() * fullness * std::min(1.0, kLongParagraph / count);
  }
  return rate(sum, static_cast<double>(story.words().size()), 1.0);
}

}  // namespace

Finding arc_and_ending(const StoryText& story) {
  const double end = ending(story);
  const double tempo = paragraph_tempo(story);
  Finding finding;
  finding.share = kEndingWeight * end + (1.0 - kEndingWeight) * on(kTempo, tempo);
  finding.why = fmt::format("{}; {} sentences in {} paragraphs, fullness {:.2f}",
                            end == 1.0 ? "ends with a sentence" : "breaks off",
                            story.sentences().size(), story.paragraphs(), tempo);
  const std::size_t count = story.words().size();
  if (count > 0)
    finding.quotes.push_back(story.quote(count - std::min<std::size_t>(count, 8), count));
  return finding;
}

}  // namespace polaris::lexical
