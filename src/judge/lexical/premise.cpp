// P1 and N1: what the prompt asks for.

#include <fmt/format.h>

#include <array>
#include <set>
#include <string>
#include <unordered_map>

#include "judge/lexical/measures.h"
#include "judge/lexical/phrases.h"
#include "text/unicode.h"

namespace polaris::lexical {
namespace {

constexpr std::size_t kWindow = 100;  // words
constexpr std::size_t kEcho = 5;      // as many words in a row, taken from the prompt, are a copy
constexpr double kEnoughInWindow = 3.0;  // elements; more of them in one place add nothing
constexpr Scale kPremise = {0.45, 1.15};

/// An element of the premise: a stem of the prompt.
struct Element {
  double chance = 0.0;  ///< to stand in a window of a story about something else
};

struct Elements {
  std::unordered_map<std::string_view, std::size_t> by_stem;
  std::vector<Element> all;
};

Elements elements_of(const StoryText& prompt) {
  Elements elements;
  for (const Word& word : prompt.words()) {
    const WordForm& form = prompt.form(word);
    if (!(prompt.is_content(word) || form.is_name) || form.entry.is(kTaskWord)) continue;
    const auto [at, is_new] = elements.by_stem.try_emplace(stem(form.lower), elements.all.size());
    if (!is_new) continue;
    // Twice the form's own frequency stands for all forms of the stem.
    const double expected = 2.0 * static_cast<double>(kWindow) * form.entry.frequency();
    elements.all.push_back({.chance = 1.0 - std::exp(-expected)});
  }
  return elements;
}

/// [words] true where the story copies the prompt.
std::vector<bool> echoes(const StoryText& story, const StoryText& prompt) {
  const auto gram = [](const StoryText& text, std::size_t first) {
    std::string key;
    for (std::size_t i = first; i < first + kEcho; ++i)
      key += text.form(text.words()[i]).lower + ' ';
    return key;
  };
  std::set<std::string> known;
  for (std::size_t i = 0; i + kEcho <= prompt.words().size(); ++i) known.insert(gram(prompt, i));
  std::vector<bool> is_echo(story.words().size(), false);
  for (std::size_t i = 0; i + kEcho <= story.words().size(); ++i) {
    if (!known.contains(gram(story, i))) continue;
    for (std::size_t j = i; j < i + kEcho; ++j) is_echo[j] = true;
  }
  return is_echo;
}

bool asks(std::string_view prompt, std::initializer_list<std::string_view> phrases) {
  for (const std::string_view phrase : phrases) {
    if (prompt.find(phrase) != std::string_view::npos) return true;
  }
  return false;
}

/// "I", "me", "my", "we" ... per 100 words outside speech.
double first_person_rate(const StoryText& story) {
  constexpr std::array<std::string_view, 9> kFirst = {"i",  "me", "my",  "myself", "i'm",
                                                      "we", "us", "our", "i'd"};
  double found = 0.0;
  double narrated = 0.0;
  for (const Word& word : story.words()) {
    if (word.in_speech) continue;
    ++narrated;
    found += std::ranges::find(kFirst, story.form(word).lower) != kFirst.end() ? 1.0 : 0.0;
  }
  return rate(found, narrated, 100.0);
}

}  // namespace

Finding premise(const StoryText& story, const StoryText& prompt) {
  const Elements elements = elements_of(prompt);
  constexpr std::size_t kNone = ~std::size_t{0};
  std::vector<std::size_t> element_of_form;
  for (const WordForm& form : story.forms()) {
    const auto found = elements.by_stem.find(stem(form.lower));
    element_of_form.push_back(found == elements.by_stem.end() ? kNone : found->second);
  }

  const std::vector<bool> is_echo = echoes(story, prompt);
  std::set<std::size_t> used;
  Finding finding;
  double sum = 0.0;
  double windows = 0.0;
  for_each_window(story.words().size(), kWindow, [&](std::size_t first, std::size_t end) {
    std::set<std::size_t> here;
    for (std::size_t i = first; i < end; ++i) {
      const std::size_t element = element_of_form[story.words()[i].form];
      if (element == kNone || is_echo[i]) continue;
      here.insert(element);
      if (used.insert(element).second && elements.all[element].chance < 0.05 &&
          finding.quotes.size() < 2)
        finding.quotes.push_back(story.quote_around(i));
    }
    double weight = 0.0;
    for (const std::size_t element : here) weight += 1.0 - elements.all[element].chance;
    for (std::size_t i = 0; i < elements.all.size(); ++i)
      if (!here.contains(i)) weight -= elements.all[i].chance * (1.0 - elements.all[i].chance);
    sum += std::clamp(weight, 0.0, kEnoughInWindow);
    ++windows;
  });
  const double value = windows > 0.0 ? sum / windows : 0.0;
  finding.share = on(kPremise, value);
  finding.why = fmt::format(
      "{} of {} words of the premise are used, {:.2f} beyond chance in 100 words of the story",
      used.size(), elements.all.size(), value);
  return finding;
}

Finding broken_request(const StoryText& story, const StoryText& prompt) {
  constexpr double kHalfRemarks = 2.5;  // per 1,000 words, short stories counted as 400
  const auto remarks = find_phrases(story, remarks_to_asker());
  const double remark_rate = rate(static_cast<double>(remarks.size()),
                                  std::max(400.0, static_cast<double>(story.words().size())), 1e3);

  // A narrator in the first person says "I" 2 to 8 times in 100 words, any other hardly ever.
  const std::string asked = lower(to_valid_utf8(prompt.text()));
  const double first_person = first_person_rate(story);
  double person = 0.0;
  if (asks(asked, {"first person", "first-person"}))
    person = 0.5 * on({1.0, 0.2}, first_person);
  else if (asks(asked, {"third person", "third-person", "close third"}))
    person = 0.5 * on({1.5, 3.5}, first_person);
  if (person < 0.03) person = 0.0;

  Finding finding;
  finding.share = story.words().empty() ? 1.0 : either(charge(remark_rate, kHalfRemarks), person);
  finding.why = fmt::format(
      "{} remarks to the asker; {:.1f} words of the first person in 100 outside speech{}",
      remarks.size(), first_person, person > 0.0 ? ", against the person asked for" : "");
  for (const Match& match : remarks)
    if (finding.quotes.size() < 2) finding.quotes.push_back(story.quote_around(match.first));
  if (finding.quotes.empty() && person > 0.0) finding.quotes.push_back(story.quote(0, 8));
  return finding;
}

}  // namespace polaris::lexical
