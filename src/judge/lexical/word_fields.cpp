// P5, P6 and N4: how much there is to see, to feel and merely to think of.

#include <fmt/format.h>

#include "judge/lexical/measures.h"

namespace polaris::lexical {
namespace {

constexpr std::size_t kWindow = 100;  // words
constexpr Scale kSenses = {2.5, 7.0};
constexpr Scale kInnerLife = {0.6, 2.6};
constexpr double kHalfAbstract = 8.0;

struct FieldCount {
  double per_window = 0.0;  ///< different words of the field in 100 words, mean
  std::vector<std::string> quotes;
};

/// Repeating a word within a window adds nothing, so that a field cannot be filled with one word.
FieldCount count_field(const StoryText& story, WordField field) {
  FieldCount count;
  std::vector<std::size_t> last_window(story.forms().size(), ~std::size_t{0});
  std::size_t windows = 0;
  double best = 0.0;
  for_each_window(story.words().size(), kWindow, [&](std::size_t first, std::size_t end) {
    double here = 0.0;
    std::size_t example = end;
    for (std::size_t i = first; i < end; ++i) {
      const Word& word = story.words()[i];
      if (!story.is(word, field) || story.form(word).is_name) continue;
      std::size_t& seen = last_window[word.form];
      if (seen == windows) continue;
      seen = windows;
      ++here;
      if (here == 2.0) example = i;
    }
    here *= static_cast<double>(kWindow) / static_cast<double>(end - first);
    if (example < end && here > best) {
      best = here;
      count.quotes.insert(count.quotes.begin(), story.quote_around(example));
    }
    count.per_window += here;
    ++windows;
  });
  if (windows > 0) count.per_window /= static_cast<double>(windows);
  if (count.quotes.size() > 2) count.quotes.resize(2);
  return count;
}

}  // namespace

Finding senses(const StoryText& story) {
  FieldCount count = count_field(story, kConcrete);
  return {.share = on(kSenses, count.per_window),
          .why = fmt::format("{:.1f} different words for things, places and sense impressions in "
                             "100 words",
                             count.per_window),
          .quotes = std::move(count.quotes)};
}

Finding inner_life(const StoryText& story) {
  FieldCount count = count_field(story, kInner);
  return {.share = on(kInnerLife, count.per_window),
          .why = fmt::format("{:.1f} different words of feeling and mind in 100 words",
                             count.per_window),
          .quotes = std::move(count.quotes)};
}

Finding abstraction(const StoryText& story) {
  FieldCount count = count_field(story, kAbstract);
  Finding finding{
      .share = charge(count.per_window, kHalfAbstract),
      .why = fmt::format("{:.1f} different abstract words in 100 words", count.per_window),
      .quotes = std::move(count.quotes)};
  if (finding.quotes.empty()) {
    const auto words = story.words();
    for (std::size_t i = 0; i < words.size() && finding.quotes.empty(); ++i)
      if (story.is(words[i], kAbstract)) finding.quotes.push_back(story.quote_around(i));
  }
  return finding;
}

}  // namespace polaris::lexical
