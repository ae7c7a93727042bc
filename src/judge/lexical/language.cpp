// N10: language without sense or measure.

#include <fmt/format.h>

#include "judge/lexical/measures.h"
#include "judge/lexical/word_order.h"

namespace polaris::lexical {
namespace {

constexpr Scale kOrder = {1.05, 0.75};                 // see order_score()
constexpr double kDistanceCounts[] = {1.0, 3.0, 6.0};  // far ones are weak and tell the most
constexpr double kHalfUnknown = 0.16;                  // of the words
constexpr double kHalfOrnate = 4.0;                    // per 100 words
constexpr double kExclamationCounts = 0.3;

struct Order {
  double score = 0.0;
  std::size_t worst = 0;  ///< the word where the order is least likely
};

/// How well the classes of neighbours within a sentence fit: the mean over the text of
/// ln(seen / expected) one place apart + 3 times the same two and 6 times three places apart. The
/// short stories of data/starter have 1.26 +- 0.19, random walks over their word pairs 0.87 +-
/// 0.11.
Order order_score(const StoryText& story) {
  const OrderClasses& classes = OrderClasses::get();
  const auto steps = story.order();
  Order order;
  const auto ends_sentence = [&](std::uint8_t order_class) {
    return order_class == classes.of(OrderClasses::kEnd) ||
           order_class == classes.of(OrderClasses::kParagraph);
  };
  double lowest = 0.0;
  double run = 0.0;  // fading sum of the last few steps
  for (std::size_t i = 3; i < steps.size(); ++i) {
    double fit = 0.0;
    for (int distance = 1; distance <= 3; ++distance) {
      if (ends_sentence(steps[i - distance].order_class)) break;
      fit += kDistanceCounts[distance - 1] *
             classes.affinity(distance, steps[i - distance].order_class, steps[i].order_class);
    }
    order.score += fit;
    run = 0.7 * run + fit;
    if (run < lowest) {
      lowest = run;
      order.worst = steps[i].word;
    }
  }
  if (steps.size() > 3) order.score /= static_cast<double>(steps.size() - 3);
  return order;
}

bool is_unknown(const StoryText& story, const Word& word) {
  const WordForm& form = story.form(word);
  if (word.is_capital || form.entry.rank >= 0 || form.entry.fields != 0) return false;
  const std::string_view lower = form.lower;
  if (lower.front() >= '0' && lower.front() <= '9') return false;
  return !(lower.ends_with("'s") && look_up(lower.substr(0, lower.size() - 2)).rank >= 0);
}

}  // namespace

Finding broken_language(const StoryText& story) {
  const Order order = order_score(story);
  const auto words = story.words();
  Finding finding;
  double unknown = 0.0;
  double ornate = 0.0;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (is_unknown(story, words[i])) {
      ++unknown;
      if (finding.quotes.empty()) finding.quotes.push_back(story.quote_around(i));
    }
    ornate += story.is(words[i], kOrnate) ? 1.0 : 0.0;
  }
  ornate += kExclamationCounts * static_cast<double>(std::ranges::count(story.text(), '!'));
  const auto count = static_cast<double>(words.size());
  unknown = rate(unknown, count, 1.0);
  ornate = rate(ornate, count, 100.0);

  finding.share = either(on(kOrder, order.score),
                         either(charge(unknown, kHalfUnknown), charge(ornate, kHalfOrnate)));
  finding.why = fmt::format(
      "word order fits by {:.2f} (prose: about 1.3); {:.1f} % of the words are "
      "unknown; {:.1f} ornate words or exclamations in 100",
      order.score, 100.0 * unknown, ornate);
  if (!words.empty())
    finding.quotes.insert(finding.quotes.begin(), story.quote_around(order.worst));
  return finding;
}

}  // namespace polaris::lexical
