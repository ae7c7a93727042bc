// P3: people who do things.

#include <fmt/format.h>

#include "judge/lexical/measures.h"

namespace polaris::lexical {
namespace {

constexpr std::size_t kReach = 3;  // words from a person to what the person does
constexpr double kChoiceCounts = 2.0;
constexpr Scale kAgency = {0.8, 3.2};  // acts per 100 words

}  // namespace

Finding agency(const StoryText& story) {
  Finding finding;
  double acts = 0.0;
  const auto words = story.words();
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (!story.is_person(words[i])) continue;
    for (std::size_t j = i + 1; j < words.size() && j <= i + kReach; ++j) {
      if (words[j - 1].ends_clause || story.is_person(words[j])) break;
      if (story.is(words[j], kState) || story.is(words[j], kSpeechVerb)) break;
      if (!story.is(words[j], kAction)) continue;
      const bool is_choice = story.is(words[j], kChoice);
      acts += is_choice ? kChoiceCounts : 1.0;
      if (finding.quotes.size() < 2 && (is_choice || acts > 3.0))
        finding.quotes.push_back(story.quote_around(i));
      break;
    }
  }
  const double value = rate(acts, static_cast<double>(words.size()), 100.0);
  finding.share = on(kAgency, value);
  finding.why = fmt::format("{:.1f} acts of a named or present person in 100 words", value);
  return finding;
}

}  // namespace polaris::lexical
