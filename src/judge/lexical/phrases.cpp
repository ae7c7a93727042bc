// N3 and N9: wording and events that stand ready-made.

#include "judge/lexical/phrases.h"

#include <fmt/format.h>

#include <unordered_map>

#include "base/strings.h"
#include "judge/lexical/measures.h"

namespace polaris::lexical {
namespace {

// Phrases per 1,000 words that reach half of the range. Corpus stories have about one.
constexpr double kHalfStockWording = 4.0;
constexpr double kHalfStockEvents = 6.0;

/// Headings, list items and labels in article style: "# The end", "- Setting: a farm", "Act 1:".
std::size_t article_lines(std::string_view text) {
  std::size_t count = 0;
  for (std::string_view line : split(text, '\n')) {
    line = trim(line);
    const bool heading = line.starts_with('#') || line.starts_with("**");
    const bool item = line.starts_with("- ") || (line.starts_with("* ") && line != "* * *");
    const bool label = line.size() < 60 && line.ends_with(':');
    count += heading || item || label ? 1 : 0;
  }
  return count;
}

Finding phrase_rate(const StoryText& story, const std::vector<Match>& matches, std::size_t others,
                    double half, std::string_view what) {
  const double value = rate(static_cast<double>(matches.size() + others),
                            static_cast<double>(story.words().size()), 1e3);
  Finding finding;
  finding.share = charge(value, half);
  finding.why =
      fmt::format("{} {} in {} words", matches.size() + others, what, story.words().size());
  for (std::size_t i = 0; i < matches.size() && i < 2; ++i)
    finding.quotes.push_back(story.quote(matches[i].first, matches[i].end));
  return finding;
}

}  // namespace

std::vector<Match> find_phrases(const StoryText& story, std::span<const std::string_view> phrases) {
  std::unordered_map<std::string_view, std::vector<std::vector<std::string_view>>> by_first;
  for (const std::string_view phrase : phrases) {
    const auto words = split(phrase, ' ');
    by_first[words.front()].push_back(words);
  }
  std::vector<const std::vector<std::vector<std::string_view>>*> of_form;
  for (const WordForm& form : story.forms()) {
    const auto found = by_first.find(form.lower);
    of_form.push_back(found == by_first.end() ? nullptr : &found->second);
  }

  std::vector<Match> matches;
  const auto words = story.words();
  const auto matches_at = [&](std::size_t at, const std::vector<std::string_view>& phrase) {
    if (at + phrase.size() > words.size()) return false;
    for (std::size_t i = 0; i < phrase.size(); ++i) {
      if (story.form(words[at + i]).lower != phrase[i]) return false;
      if (words[at + i].ends_clause && i + 1 < phrase.size()) return false;
    }
    return true;
  };
  for (std::size_t at = 0; at < words.size(); ++at) {
    if (of_form[words[at].form] == nullptr) continue;
    for (const auto& phrase : *of_form[words[at].form]) {
      if (!matches_at(at, phrase)) continue;
      matches.push_back({at, at + phrase.size()});
      at += phrase.size() - 1;
      break;
    }
  }
  return matches;
}

Finding stock_wording(const StoryText& story) {
  const std::size_t lines = article_lines(story.text());
  Finding finding = phrase_rate(story, find_phrases(story, stock_phrases()), lines,
                                kHalfStockWording, "set phrases or article-style lines");
  if (finding.quotes.empty() && lines > 0) finding.quotes.push_back(story.quote(0, 6));
  return finding;
}

Finding stock_events(const StoryText& story) {
  return phrase_rate(story, find_phrases(story, stock_turns()), 0, kHalfStockEvents, "stock turns");
}

}  // namespace polaris::lexical
