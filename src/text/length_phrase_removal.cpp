#include <algorithm>
#include <array>
#include <string>

#include "text/length_phrase.h"
#include "text/sentences.h"
#include "text/strip.h"
#include "text/unicode.h"

namespace polaris {
namespace {

template <std::size_t n>
bool contains(const std::array<std::string_view, n>& words, std::string_view word) {
  return std::any_of(words.begin(), words.end(), [&](std::string_view candidate) {
    return candidate.size() == word.size() && starts_with_ignoring_case(word, candidate);
  });
}

constexpr std::array<std::string_view, 11> kApproximators = {
    "about",  "approximately", "around",    "roughly", "nearly", "almost",
    "approx", "exactly",       "precisely", "circa",   "some"};
constexpr std::array<std::string_view, 11> kVerbs = {
    "is", "are", "be", "being", "should", "must", "will", "can", "may", "has", "have"};
/// Words that lead to a length, as in "that runs to no more than".
constexpr std::array<std::string_view, 25> kLinks = {
    "that", "which",  "to",      "of",     "in",   "at",   "with",   "least", "most",
    "more", "fewer",  "less",    "than",   "not",  "no",   "under",  "over",  "up",
    "runs", "within", "between", "longer", "runs", "from", "shorter"};
constexpr std::array<std::string_view, 9> kMeasures = {
    "length", "total", "maximum", "minimum", "target", "limit", "count", "word", "aim"};
constexpr std::array<std::string_view, 5> kArticles = {"a", "an", "the", "your", "this"};
constexpr std::array<std::string_view, 8> kSubjects = {"it",   "story",     "tale",     "piece",
                                                       "text", "narrative", "response", "whole"};
/// What else a sentence about nothing but length is made of.
constexpr std::array<std::string_view, 22> kRest = {
    "its",  "entire", "full",  "finished", "final",  "complete", "answer", "output",
    "each", "part",   "for",   "and",      "or",     "please",   "long",   "words",
    "make", "keep",   "needs", "need",     "ensure", "strictly"};

bool is_number(std::string_view word) {
  return !word.empty() && word.find_first_not_of("0123456789,.") == std::string_view::npos;
}

bool is_link(std::string_view word) {
  return contains(kLinks, word) || contains(kVerbs, word) || contains(kApproximators, word) ||
         contains(kMeasures, word);
}

/// True if every word of `text` could stand in a sentence that speaks of nothing but length.
bool speaks_only_of_length(std::string_view text) {
  for (std::size_t pos = 0; pos < text.size();) {
    std::size_t end = pos;
    std::size_t next = pos;
    while (end < text.size() && is_word(decode_utf8(text, next))) end = next;
    const std::string_view word = text.substr(pos, end - pos);
    const bool known = word.empty() || is_link(word) || is_number(word) ||
                       contains(kArticles, word) || contains(kSubjects, word) ||
                       contains(kRest, word);
    if (!known) return false;
    pos = word.empty() ? next : end;
  }
  return true;
}

/// The sentence that holds `phrase`: between . ! ? … 。 with the closing quotes behind them, or
/// line breaks. A dot between digits or in an abbreviation is no boundary.
ByteRange sentence_around(std::string_view prompt, const LengthPhrase& phrase) {
  constexpr std::u32string_view kStops = U".!?…。！？";
  constexpr std::u32string_view kClosers = U".!?…\"'”’)]»*_";
  const auto is_digit_at = [&](std::size_t i) {
    return i < prompt.size() && prompt[i] >= '0' && prompt[i] <= '9';
  };
  ByteRange sentence{0, prompt.size()};
  for (std::size_t pos = 0; pos < prompt.size();) {
    const std::size_t at = pos;
    const char32_t c = decode_utf8(prompt, pos);
    const bool inside = at >= phrase.begin && at < phrase.end;
    const bool stop = kStops.find(c) != std::u32string_view::npos;
    if (inside || (!stop && c != U'\n')) continue;
    if (c == U'.') {
      const bool decimal = at > 0 && is_digit_at(at - 1) && is_digit_at(pos);
      if (decimal || ends_with_abbreviation(prompt.substr(0, pos))) continue;
    }
    for (std::size_t next = pos; stop && next < prompt.size(); pos = next) {
      if (kClosers.find(decode_utf8(prompt, next)) == std::u32string_view::npos) break;
    }
    if (at >= phrase.end) {
      sentence.end = c == U'\n' ? at : pos;
      break;
    }
    sentence.begin = pos;
  }
  return sentence;
}

/// The prompt without a whole sentence; of the gaps on both sides the one with more line breaks
/// stays.
std::string without_sentence(std::string_view prompt, ByteRange sentence) {
  const std::string_view left = prompt.substr(0, sentence.begin);
  const std::string_view right = prompt.substr(sentence.end);
  const std::string_view head = right_strip(left);
  const std::string_view tail = left_strip(right);
  if (head.empty()) return std::string(tail);
  if (tail.empty()) return std::string(head);
  // The white space in front of the sentence may belong to it.
  const std::string_view inside = prompt.substr(sentence.begin, sentence.end - sentence.begin);
  const std::size_t lead = inside.size() - left_strip(inside).size();
  const std::string_view before = prompt.substr(head.size(), sentence.begin + lead - head.size());
  const std::string_view behind = right.substr(0, right.size() - tail.size());
  const auto breaks = [](std::string_view gap) { return std::count(gap.begin(), gap.end(), '\n'); };
  std::string out(head);
  out += breaks(behind) > breaks(before) ? behind : before;
  if (before.empty() && behind.empty()) out += ' ';
  out += tail;
  return out;
}

/// Walks back from the phrase, word by word.
class Lead {
 public:
  Lead(std::string_view prompt, std::size_t sentence_begin, std::size_t phrase_begin)
      : prompt_(prompt), sentence_begin_(sentence_begin), begin_(phrase_begin) {}

  std::size_t begin() const { return begin_; }
  bool has_verb() const { return has_verb_; }

  /// "of about", "that should be", "with a length of", "between 1000 and".
  void take_links() {
    while (true) {
      const Word word = before(begin_);
      const Word further = before(word.begin);
      const bool joins = word.text == "to" || word.text == "and" || word.text == "or";
      if (joins && is_number(further.text)) {
        begin_ = further.begin;
      } else if (is_link(word.text) || (after_measure_ && contains(kArticles, word.text))) {
        has_verb_ = has_verb_ || contains(kVerbs, word.text);
        after_measure_ = contains(kMeasures, word.text);
        begin_ = word.begin;
      } else {
        break;
      }
    }
  }

  void take_approximators() {
    for (Word word = before(begin_); contains(kApproximators, word.text); word = before(begin_))
      begin_ = word.begin;
  }

  /// A subject that the verbs had, if a clause before it stays: ", and the tale".
  void take_subject() {
    const Word subject = before(begin_);
    if (!has_verb_ || !contains(kSubjects, subject.text)) return;
    std::size_t start = subject.begin;
    if (const Word article = before(start); contains(kArticles, article.text))
      start = article.begin;
    if (const Word joint = before(start); joint.text == "and" || joint.text == "but") {
      begin_ = joint.begin;
    } else if (const auto head = right_strip(prompt_.substr(0, start));
               start > sentence_begin_ && (head.ends_with(',') || head.ends_with(';'))) {
      begin_ = start;
    }
  }

 private:
  struct Word {
    std::string_view text;
    std::size_t begin = 0;
  };

  /// The word that ends at `end`, white space left out; "" at the beginning of the sentence. Its
  /// punctuation is part of it, so that no comma is stepped over.
  Word before(std::size_t end) const {
    const std::string_view text =
        right_strip(prompt_.substr(sentence_begin_, end - std::min(end, sentence_begin_)));
    const auto space = text.find_last_of(" \t(");
    const std::size_t begin = space == std::string_view::npos ? 0 : space + 1;
    return {text.substr(begin), sentence_begin_ + begin};
  }

  std::string_view prompt_;
  std::size_t sentence_begin_;
  std::size_t begin_;
  bool has_verb_ = false;
  bool after_measure_ = false;
};

bool begins_with_punctuation(std::string_view text) {
  return !text.empty() && std::string_view(".,;:!?)").find(text.front()) != std::string_view::npos;
}

/// "an 1800-word story" without its length is "a story".
void fit_article(std::string& head, std::string_view tail) {
  const bool vowel =
      !tail.empty() && std::string_view("aeiouAEIOU").find(tail.front()) != std::string_view::npos;
  const auto ends_with_word = [&](std::string_view word) {
    return head.size() > word.size() && head.ends_with(word) &&
           head[head.size() - word.size() - 1] == ' ';
  };
  if (vowel && ends_with_word("a")) head += 'n';
  if (!vowel && ends_with_word("an")) head.pop_back();
}

/// The prompt without the phrase and what leads to it.
std::string without_phrase(std::string_view prompt, const LengthPhrase& phrase,
                           ByteRange sentence) {
  Lead lead(prompt, sentence.begin, phrase.begin);
  if (phrase.is_adjective) {
    lead.take_approximators();
  } else {
    lead.take_links();
    lead.take_subject();
  }
  std::size_t begin = lead.begin();
  std::size_t end = phrase.end;
  if (right_strip(prompt.substr(0, begin)).ends_with('(') && prompt.substr(end).starts_with(')')) {
    begin = right_strip(prompt.substr(0, begin)).size() - 1;
    ++end;
  }
  std::string head(right_strip(prompt.substr(0, begin)));
  std::string tail(left_strip(prompt.substr(end)));
  if (head.size() <= sentence.begin) {  // the sentence begins with its length
    while (!tail.empty() && std::string_view(",;: ").find(tail.front()) != std::string_view::npos)
      tail.erase(0, 1);
    if (!tail.empty() && tail[0] >= 'a' && tail[0] <= 'z')
      tail[0] = static_cast<char>(tail[0] - 32);
    return std::string(prompt.substr(0, begin)) + tail;
  }
  if (lead.has_verb() && starts_with_ignoring_case(tail, "and ")) tail.erase(0, 4);
  if ((head.ends_with(',') || head.ends_with(';') || head.ends_with(':')) &&
      (tail.empty() || begins_with_punctuation(tail)))
    head.pop_back();
  if (phrase.is_adjective) fit_article(head, tail);
  if (tail.empty()) return head;
  const std::string_view rest = prompt.substr(end);
  const std::string_view gap = rest.substr(0, rest.size() - left_strip(rest).size());
  const bool keeps_gap = gap.find('\n') != std::string_view::npos;
  if (keeps_gap) {
    head += gap;
  } else if (!begins_with_punctuation(tail)) {
    head += ' ';
  }
  return head + tail;
}

bool has_word(std::string_view text) {
  for (std::size_t pos = 0; pos < text.size();) {
    if (is_word(decode_utf8(text, pos))) return true;
  }
  return false;
}

}  // namespace

std::string without_length(std::string_view prompt, const LengthPhrase& phrase) {
  const ByteRange sentence = sentence_around(prompt, phrase);
  const bool whole =
      speaks_only_of_length(prompt.substr(sentence.begin, phrase.begin - sentence.begin)) &&
      speaks_only_of_length(prompt.substr(phrase.end, sentence.end - phrase.end));
  if (whole) {
    std::string rest = without_sentence(prompt, sentence);
    if (has_word(rest)) return rest;
  }
  std::string rest = without_phrase(prompt, phrase, sentence);
  return has_word(rest) ? rest : std::string(prompt);
}

}  // namespace polaris
