// N7: how speech is handed over.

#include <fmt/format.h>

#include <array>

#include "judge/lexical/measures.h"

namespace polaris::lexical {
namespace {

constexpr std::size_t kTagReach = 4;     // words behind the speech
constexpr double kHalfShowyTags = 0.35;  // of all speeches
constexpr double kFewSpeeches = 4.0;     // a story with less speech is charged less

constexpr std::array<std::string_view, 14> kPlainTags = {
    "said",     "says",     "asked", "replied",   "answered", "cried",  "whispered",
    "murmured", "muttered", "added", "continued", "went",     "called", "shouted"};

/// The words right behind each speech, in its sentence.
struct Tag {
  std::size_t first = 0;
  std::size_t end = 0;
};
std::vector<Tag> tags(const StoryText& story) {
  std::vector<Tag> found;
  const auto words = story.words();
  for (std::size_t i = 1; i < words.size(); ++i) {
    if (!words[i - 1].in_speech || words[i].in_speech) continue;
    std::size_t end = i;
    while (end < words.size() && end < i + kTagReach && !words[end].in_speech) {
      if (words[end++].ends_clause) break;
    }
    found.push_back({i, end});
  }
  return found;
}

}  // namespace

Finding dialogue_faults(const StoryText& story) {
  Finding finding;
  double speeches = 0.0;
  for (const QuoteMark& mark : story.quote_marks())
    speeches += mark.kind == QuoteMark::kOpen ? 1.0 : 0.0;
  double showy = 0.0;
  for (const Tag& tag : tags(story)) {
    bool has_verb = false;
    bool is_showy = false;
    for (std::size_t i = tag.first; i < tag.end; ++i) {
      const WordForm& form = story.form(story.words()[i]);
      const bool is_plain = std::ranges::find(kPlainTags, form.lower) != kPlainTags.end();
      is_showy = is_showy || form.entry.is(kSpeechVerb) ||
                 (has_verb && form.lower.size() > 4 && form.lower.ends_with("ly"));
      has_verb = has_verb || is_plain || form.entry.is(kSpeechVerb);
    }
    if (!is_showy || !has_verb) continue;
    ++showy;
    if (finding.quotes.size() < 2) finding.quotes.push_back(story.quote(tag.first, tag.end));
  }
  finding.share = charge(rate(showy, speeches + kFewSpeeches, 1.0), kHalfShowyTags);
  finding.why = speeches == 0.0
                    ? "no speech"
                    : fmt::format(
                          "{:.0f} of {:.0f} speeches are handed over with a showy verb or "
                          "an adverb",
                          showy, speeches);
  return finding;
}

}  // namespace polaris::lexical
