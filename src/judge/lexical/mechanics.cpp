// N8: what a copy editor would mark.

#include <fmt/format.h>

#include "judge/lexical/measures.h"
#include "text/sentences.h"
#include "text/unicode.h"

namespace polaris::lexical {
namespace {

constexpr double kHalfSlips = 18.0;  // per 1,000 words

bool is_stop(char c) { return c == '.' || c == '!' || c == '?'; }
bool is_pause(char c) { return c == ',' || c == ';' || c == ':'; }
bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }

/// Characters that prose has no use for.
bool is_odd(char c) {
  return std::string_view("|<>{}\\_=~^`#@").find(c) != std::string_view::npos ||
         (static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\r' && c != '\t');
}

/// True if a slip of the pen is at text[i].
bool is_slip(std::string_view text, std::size_t i) {
  const char c = text[i];
  const char before = i > 0 ? text[i - 1] : '\n';
  const char behind = i + 1 < text.size() ? text[i + 1] : '\n';
  if (is_odd(c)) return true;
  if (is_pause(c) || is_stop(c)) {
    if (before == ' ' && c != '.') return true;                           // "word ,"
    if (is_pause(c) && is_pause(behind)) return true;                     // ",,"
    if (is_pause(c) && is_lower(behind)) return true;                     // "word,word"
    if (is_stop(c) && is_lower(before) && is_upper(behind)) return true;  // "end.Then"
  }
  if (c == ' ' && behind == ' ') return true;
  // A small letter at the start of a sentence, unless the stop is an abbreviation's or a row's.
  if (c == '.' && behind == ' ' && i + 2 < text.size() && is_lower(text[i + 2]) && is_lower(before))
    return !ends_with_abbreviation(text.substr(0, i + 1));
  return false;
}

}  // namespace

Finding mechanics(const StoryText& story) {
  Finding finding;
  const std::string_view text = story.text();
  double slips = 0.0;
  std::size_t word = 0;
  const auto note = [&](std::size_t at) {
    ++slips;
    if (finding.quotes.size() == 2) return;
    while (word + 1 < story.words().size() && story.words()[word].end < at) ++word;
    finding.quotes.push_back(story.quote_around(word));
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (is_slip(text, i)) note(i);
  }
  for (std::size_t i = 0; i + 1 < story.words().size(); ++i) {
    const Word& one = story.words()[i];
    const bool is_doubled = one.form == story.words()[i + 1].form && !one.ends_clause &&
                            story.is(one, kFunctionWord) && story.form(one).lower != "that" &&
                            story.form(one).lower != "had";
    const bool is_small_i = !one.is_capital && story.form(one).lower == "i";
    if (is_doubled || is_small_i) ++slips;
    if ((is_doubled || is_small_i) && finding.quotes.size() < 2)
      finding.quotes.push_back(story.quote_around(i));
  }
  const double value = rate(slips, static_cast<double>(story.words().size()), 1e3);
  finding.share = charge(value, kHalfSlips);
  finding.why = fmt::format(
      "{:.0f} slips in {} words (spacing, doubled signs or words, case, odd "
      "characters)",
      slips, story.words().size());
  return finding;
}

}  // namespace polaris::lexical
