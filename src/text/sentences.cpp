#include "text/sentences.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "text/strip.h"
#include "text/unicode.h"

namespace polaris {
namespace {

constexpr std::u32string_view kTerminators = U".!?…";
constexpr std::u32string_view kClosers = U"\"'”’»)]}*_";
constexpr std::u32string_view kOpeners = U"\"'“‘«([{*_";

/// With a full stop these never end a sentence: a name or an example follows.
constexpr std::array<std::string_view, 38> kAbbreviations = {
    "Mr",  "Mrs", "Ms",  "Mx",   "Dr",   "Prof", "St",     "Rev", "Fr",   "Hon",
    "Gen", "Col", "Maj", "Capt", "Cpt",  "Lt",   "Sgt",    "Cpl", "Cmdr", "Adm",
    "Gov", "Sen", "Rep", "Pres", "Supt", "Insp", "Messrs", "Mme", "Mlle", "Mt",
    "Ft",  "vs",  "e.g", "i.e",  "cf",   "viz",  "approx", "Vol"};

bool is_one_of(char32_t c, std::u32string_view set) {
  return set.find(c) != std::u32string_view::npos;
}

/// The character before text[pos], and where it begins. Precondition: pos > 0.
struct Previous {
  char32_t character;
  std::size_t begin;
};
Previous previous(std::string_view text, std::size_t pos) {
  std::size_t begin = pos - 1;
  while (begin > 0 && pos - begin < 4 && (static_cast<unsigned char>(text[begin]) & 0xC0U) == 0x80U)
    --begin;
  std::size_t end = begin;
  const char32_t c = decode_utf8(text, end);
  return {end == pos ? c : kReplacementCharacter, begin};
}

/// `text` without the closing quotes and brackets at its end.
std::string_view without_closers(std::string_view text) {
  while (!text.empty()) {
    const auto [c, begin] = previous(text, text.size());
    if (!is_one_of(c, kClosers)) break;
    text = text.substr(0, begin);
  }
  return text;
}

}  // namespace

bool ends_with_abbreviation(std::string_view text) {
  if (!text.ends_with('.')) return false;
  text.remove_suffix(1);
  // The word before the stop: letters, and the stops inside "e.g". No abbreviation is longer than
  // the bound, which keeps a long row of stops cheap.
  constexpr std::size_t kLongest = 16;
  std::size_t begin = text.size();
  std::size_t letters = 0;
  while (begin > 0) {
    if (text.size() - begin > kLongest) return false;
    const auto [c, at] = previous(text, begin);
    if (!is_letter(c) && c != U'.') break;
    letters += is_letter(c) ? 1 : 0;
    begin = at;
  }
  const std::string_view word = text.substr(begin);
  if (std::find(kAbbreviations.begin(), kAbbreviations.end(), word) != kAbbreviations.end())
    return true;
  // An initial: one capital, "J.", also as the last of "J.R."; but "It was I." ends.
  if (word.empty() || word.ends_with('.') || word == "I") return false;
  const auto [last, last_begin] = previous(word, word.size());
  if ((unicode_flags(last) & kUpperOrTitle) == 0) return false;
  const bool after_stop = last_begin > 0 && word[last_begin - 1] == '.';
  return letters == 1 || (after_stop && word != "U.S" && word != "U.K");
}

bool ends_sentence(std::string_view text) {
  text = without_closers(right_strip(text));
  if (text.empty()) return false;
  const auto [c, begin] = previous(text, text.size());
  return is_one_of(c, kTerminators) && !ends_with_abbreviation(text);
}

std::vector<std::size_t> sentence_ends(std::string_view text) {
  std::vector<std::size_t> ends;
  std::size_t pos = 0;
  while (pos < text.size()) {
    std::size_t next = pos;
    if (!is_one_of(decode_utf8(text, next), kTerminators)) {
      pos = next;
      continue;
    }
    // All terminators, then all closers.
    std::size_t stop = next;
    for (pos = stop; pos < text.size() && is_one_of(decode_utf8(text, pos), kTerminators);)
      stop = pos;
    std::size_t end = stop;
    for (pos = end; pos < text.size() && is_one_of(decode_utf8(text, pos), kClosers);) end = pos;
    pos = end;
    if (ends_with_abbreviation(text.substr(0, stop))) continue;
    if (end == text.size()) {
      ends.push_back(end);
      break;
    }
    const std::string_view rest = text.substr(end);
    const std::string_view following = left_strip(rest);
    if (following.size() == rest.size()) continue;  // "3.14", "example.com"
    const std::string_view gap = rest.substr(0, rest.size() - following.size());
    std::size_t at = 0;
    char32_t first = 0;
    do {
      first = at < following.size() ? decode_utf8(following, at) : 0;
    } while (is_one_of(first, kOpeners));
    const bool new_paragraph = std::count(gap.begin(), gap.end(), '\n') >= 2;
    const bool number_follows = text.substr(0, stop).ends_with("No.") && is_number(first);
    const bool goes_on = (unicode_flags(first) & kLower) != 0 || number_follows;
    if (new_paragraph || !goes_on) ends.push_back(end);
  }
  return ends;
}

std::optional<std::size_t> last_sentence_end(std::string_view text) {
  const auto ends = sentence_ends(text);
  if (ends.empty()) return std::nullopt;
  return ends.back();
}

std::vector<ByteRange> paragraphs(std::string_view text) {
  std::vector<ByteRange> out;
  bool open = false;  // out.back() can still grow
  for (std::size_t pos = 0; pos < text.size();) {
    const std::size_t end = std::min(text.find('\n', pos), text.size());
    const std::string_view line = strip(text.substr(pos, end - pos));
    if (line.empty()) {
      open = false;
    } else {
      const auto begin = static_cast<std::size_t>(line.data() - text.data());
      if (!open) out.push_back({begin, begin});
      out.back().end = begin + line.size();
      open = true;
    }
    pos = end + 1;
  }
  return out;
}

bool ends_paragraph(std::string_view text) {
  const std::string_view space = text.substr(right_strip(text).size());
  return std::count(space.begin(), space.end(), '\n') >= 2;
}

}  // namespace polaris
