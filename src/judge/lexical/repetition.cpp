// N5, N6 and the penalty: text that comes again. Two thirds of a story belong to N5, the last third
// to N6, and a text that hardly has anything else to the penalty.

#include <fmt/format.h>

#include "judge/lexical/measures.h"
#include "judge/lexical/phrases.h"
#include "judge/lexical/variety.h"
#include "text/repeats.h"

namespace polaris::lexical {
namespace {

constexpr int kGram = 6;  // words in a row that are no coincidence
constexpr double kHalfCircling = 0.16;
constexpr double kHalfCollapse = 0.25;
constexpr double kHalfStandstill = 0.75;
constexpr double kMoralCounts = 0.01;  // one spelled-out meaning in 1,000 words
constexpr double kLocalCounts = 0.7;
constexpr double kVarietyCounts = 3.0;

std::vector<std::uint32_t> form_ids(const StoryText& story) {
  std::vector<std::uint32_t> ids;
  ids.reserve(story.words().size());
  for (const Word& word : story.words()) ids.push_back(word.form);
  return ids;
}

std::size_t last_third(const StoryText& story) { return story.words().size() * 2 / 3; }

/// Words of [first, end) inside a gram that the story had before.
struct Repeated {
  double share = 0.0;
  std::vector<std::string> quotes;
};
Repeated repeated_words(const StoryText& story, std::size_t first, std::size_t end) {
  const std::vector<std::uint32_t> grams = gram_ids(form_ids(story), kGram);
  std::uint32_t known = 0;  // ids are dense and in the order of first appearance
  std::size_t covered_until = 0;
  Repeated repeated;
  std::size_t count = 0;
  for (std::size_t i = 0; i < grams.size(); ++i) {
    const bool is_repeat = grams[i] < known;
    known = std::max(known, grams[i] + 1);
    if (!is_repeat) continue;
    const std::size_t from = std::max({i, covered_until, first});
    const std::size_t to = std::min(i + kGram, end);
    if (from < to) count += to - from;
    if (from == i && i >= first && to == i + kGram && repeated.quotes.size() < 2)
      repeated.quotes.push_back(story.quote(i, i + kGram));
    covered_until = std::max(covered_until, i + kGram);
  }
  repeated.share = rate(static_cast<double>(count), static_cast<double>(end - first), 1.0);
  return repeated;
}

}  // namespace

Finding circling(const StoryText& story) {
  const std::size_t end = last_third(story);
  Repeated repeated = repeated_words(story, 0, end);
  std::vector<std::uint32_t> head = form_ids(story);
  head.resize(end);
  const double local = repeat_stats(gram_ids(head, 3), 64).local_ratio();
  std::vector<Match> morals = find_phrases(story, moral_phrases());
  std::erase_if(morals, [&](const Match& match) { return match.first >= end; });
  const double moral = rate(static_cast<double>(morals.size()), static_cast<double>(end), 1e3);

  Finding finding;
  finding.share =
      charge(repeated.share + kLocalCounts * local + kMoralCounts * moral, kHalfCircling);
  finding.why = fmt::format(
      "in the first two thirds {:.1f} % of the words stand in repeated passages, {:.1f} % of the "
      "three-word runs return within 64 words, {} meanings are spelled out",
      100.0 * repeated.share, 100.0 * local, morals.size());
  finding.quotes = std::move(repeated.quotes);
  for (const Match& match : morals)
    if (finding.quotes.size() < 2) finding.quotes.push_back(story.quote_around(match.first));
  return finding;
}

Finding collapse(const StoryText& story) {
  const std::size_t begin = last_third(story);
  const std::size_t end = story.words().size();
  Repeated repeated = repeated_words(story, begin, end);
  const double loss =
      std::max(0.0, word_variety(story, 0, begin) - word_variety(story, begin, end) - 0.03);
  Finding finding;
  finding.share = charge(repeated.share + kVarietyCounts * loss, kHalfCollapse);
  finding.why = fmt::format(
      "in the last third {:.1f} % of the words repeat earlier passages; variety falls by {:.2f}",
      100.0 * repeated.share, loss);
  finding.quotes = std::move(repeated.quotes);
  if (finding.quotes.empty() && begin < end)
    finding.quotes.push_back(story.quote(begin, begin + 8));
  return finding;
}

Finding standstill(const StoryText& story) {
  const double share = repeat_stats(gram_ids(form_ids(story), 4), 0).repeated_ratio();
  Finding finding;
  finding.share = charge(share, kHalfStandstill);
  finding.why = fmt::format("{:.0f} % of all four-word runs are repetitions", 100.0 * share);
  finding.quotes = repeated_words(story, 0, story.words().size()).quotes;
  return finding;
}

}  // namespace polaris::lexical
