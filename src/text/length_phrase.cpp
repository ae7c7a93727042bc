#include "text/length_phrase.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "text/strip.h"
#include "text/unicode.h"

namespace polaris {
namespace {

constexpr std::int64_t kMaxWords = 1'000'000'000;

bool is_ascii_digit(char c) { return c >= '0' && c <= '9'; }
char ascii_lower(char c) { return static_cast<char>(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c); }

bool starts_with_word_character(std::string_view text) {
  std::size_t pos = 0;
  return !text.empty() && is_word(decode_utf8(text, pos));
}

/// Takes one of the hyphens that join "2000-word" from the end of `text`.
bool take_hyphen(std::string_view& text) {
  for (const std::string_view hyphen : {"-", "\u2010", "\u2011", "\u2013"}) {
    if (!text.ends_with(hyphen)) continue;
    text.remove_suffix(hyphen.size());
    return true;
  }
  return false;
}

/// What stands between groups of three digits: "1,500", "1.500", "1'500", a thin or hard space.
std::string_view separator_at_end(std::string_view text) {
  for (const std::string_view separator : {",", ".", "'", "\u2019", "\u00A0", "\u2009", "\u202F"}) {
    if (text.ends_with(separator)) return separator;
  }
  return {};
}

std::string_view digits_at_end(std::string_view text) {
  std::size_t begin = text.size();
  while (begin > 0 && is_ascii_digit(text[begin - 1])) --begin;
  return text.substr(begin);
}

std::int64_t value_of(std::string_view digits, std::int64_t value = 0) {
  for (const char c : digits) value = std::min(kMaxWords, value * 10 + (c - '0'));
  return value;
}

struct Number {
  std::size_t begin = 0;
  std::int64_t value = 0;
};

/// The number at the end of `text`: digits, digits in groups, or thousands ("3k", "2.5k").
std::optional<Number> number_at_end(std::string_view text) {
  const bool thousands = text.ends_with('k') || text.ends_with('K');
  if (thousands) text.remove_suffix(1);
  std::string_view digits = digits_at_end(text);
  if (digits.empty()) return std::nullopt;
  text.remove_suffix(digits.size());
  if (thousands) {
    double value = static_cast<double>(value_of(digits));
    if (text.ends_with('.') && !digits_at_end(text.substr(0, text.size() - 1)).empty()) {
      value /= std::pow(10.0, static_cast<double>(digits.size()));
      text.remove_suffix(1);
      digits = digits_at_end(text);
      value += static_cast<double>(value_of(digits));
      text.remove_suffix(digits.size());
    }
    value = std::min(value * 1000, static_cast<double>(kMaxWords));
    return Number{text.size(), std::llround(value)};
  }
  std::vector<std::string_view> groups = {digits};
  while (groups.back().size() == 3) {
    const std::string_view separator = separator_at_end(text);
    if (separator.empty()) break;
    const std::string_view group = digits_at_end(text.substr(0, text.size() - separator.size()));
    if (group.empty() || group.size() > 3) break;
    groups.push_back(group);
    text.remove_suffix(separator.size() + group.size());
  }
  std::int64_t value = 0;
  for (auto group = groups.rbegin(); group != groups.rend(); ++group)
    value = value_of(*group, value);
  return Number{text.size(), value};
}

}  // namespace

bool starts_with_ignoring_case(std::string_view text, std::string_view word) {
  return text.size() >= word.size() &&
         std::equal(word.begin(), word.end(), text.begin(),
                    [](char a, char b) { return ascii_lower(a) == ascii_lower(b); });
}

bool skip_some_space(std::string_view& text) {
  const std::string_view rest = left_strip(text);
  if (rest.size() == text.size()) return false;
  text = rest;
  return true;
}

std::vector<LengthPhrase> find_length_phrases(std::string_view text) {
  std::vector<LengthPhrase> phrases;
  for (std::size_t at = 0; at + 4 <= text.size(); ++at) {
    if (!starts_with_ignoring_case(text.substr(at), "word")) continue;
    std::string_view rest = text.substr(at + 4);
    if (starts_with_ignoring_case(rest, "s")) rest.remove_prefix(1);
    if (starts_with_word_character(rest)) continue;  // "wordless"

    std::string_view before = right_strip(text.substr(0, at));
    const bool joined = take_hyphen(before);
    if (!joined && before.size() == at) continue;  // "swords"
    before = right_strip(before);
    const auto number = number_at_end(before);
    if (!number) continue;
    LengthPhrase phrase{.begin = number->begin, .words = number->value, .is_adjective = joined};

    std::string_view behind = rest;
    const bool linked = skip_some_space(behind) || behind.starts_with('-');
    if (behind.starts_with('-')) behind.remove_prefix(1);
    if (linked && starts_with_ignoring_case(behind, "long")) {
      behind.remove_prefix(4);
      if (starts_with_word_character(behind)) continue;  // "words longer than"
      phrase.says_long = true;
      rest = behind;
    } else if (linked && starts_with_ignoring_case(behind, "in length")) {
      rest = behind.substr(9);
    }
    phrase.end = text.size() - rest.size();
    phrases.push_back(phrase);
  }
  return phrases;
}

std::vector<LengthPhrase> asking_phrases(std::string_view prompt) {
  constexpr std::int64_t kSmallestBareTarget = 50;
  std::vector<LengthPhrase> phrases = find_length_phrases(prompt);
  const bool any_long = std::any_of(phrases.begin(), phrases.end(),
                                    [](const LengthPhrase& phrase) { return phrase.says_long; });
  std::erase_if(phrases, [&](const LengthPhrase& phrase) {
    return any_long ? !phrase.says_long : phrase.words < kSmallestBareTarget;
  });
  return phrases;
}

}  // namespace polaris
