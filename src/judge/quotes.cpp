#include "judge/quotes.h"

#include <algorithm>

#include "text/unicode.h"
#include "text/words.h"

namespace polaris {
namespace {

/// The plain form of a typographic character; empty: it stands for itself.
std::string_view plain_form(char32_t c) {
  switch (c) {
    case U'\u2018':  // single quotation marks, apostrophes, primes
    case U'\u2019':
    case U'\u201A':
    case U'\u201B':
    case U'\u2032':
    case U'\u2035':
    case U'\u2039':
    case U'\u203A':
    case U'\u02BC':
      return "'";
    case U'\u201C':  // double ones
    case U'\u201D':
    case U'\u201E':
    case U'\u201F':
    case U'\u2033':
    case U'\u2036':
    case U'\u00AB':
    case U'\u00BB':
      return "\"";
    case U'\u2010':  // hyphens, dashes, minus
    case U'\u2011':
    case U'\u2012':
    case U'\u2013':
    case U'\u2014':
    case U'\u2015':
    case U'\u2212':
      return "-";
    case U'\u2026':
      return "...";
    default:
      return {};
  }
}

std::string normalised(std::string_view text) {
  const std::string composed = nfc(text);
  std::string plain;
  plain.reserve(composed.size());
  bool after_space = true;  // leading white space goes
  for (std::size_t pos = 0; pos < composed.size();) {
    const char32_t c = decode_utf8(composed, pos);
    const bool is_space = is_python_space(c);
    if (is_space && !after_space) plain += ' ';
    after_space = is_space;
    if (is_space) continue;
    if (const std::string_view form = plain_form(c); !form.empty())
      plain += form;
    else
      append_utf8(plain, c);
  }
  if (!plain.empty() && plain.back() == ' ') plain.pop_back();
  return plain;
}

std::string_view without_outer_marks(std::string_view quote) {
  constexpr std::string_view kMarks = "\"' ";
  const auto begin = quote.find_first_not_of(kMarks);
  if (begin == std::string_view::npos) return {};
  return quote.substr(begin, quote.find_last_not_of(kMarks) + 1 - begin);
}

double characters(std::string_view text) {
  return static_cast<double>(std::ranges::count_if(
      text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

std::optional<double> position_of(std::string_view quote, std::string_view story) {
  const auto found = story.find(quote);
  if (found == std::string_view::npos) return std::nullopt;
  return characters(story.substr(0, found)) / characters(story);
}

}  // namespace

std::string_view quote_status_name(QuoteStatus status) {
  switch (status) {
    case QuoteStatus::kExact:
      return "exact";
    case QuoteStatus::kCaseOnly:
      return "case_only";
    case QuoteStatus::kNotFound:
      return "not_found";
    case QuoteStatus::kTooLong:
      return "too_long";
    case QuoteStatus::kEmpty:
      return "empty";
  }
  return "unknown";
}

QuoteChecker::QuoteChecker(std::string_view story, std::int64_t max_words)
    : story_(normalised(story)), lower_story_(lower(story_)), max_words_(max_words) {}

QuoteCheck QuoteChecker::check(std::string_view quote) const {
  const std::string plain = normalised(quote);
  const std::string_view wanted = without_outer_marks(plain);
  if (wanted.empty()) return {.status = QuoteStatus::kEmpty};
  QuoteCheck result{.words = count_pieces(wanted)};
  if (result.words > max_words_) {
    result.status = QuoteStatus::kTooLong;
    return result;
  }
  result.status = QuoteStatus::kExact;
  result.position = position_of(wanted, story_);
  if (result.position) return result;
  result.status = QuoteStatus::kCaseOnly;
  result.position = position_of(lower(wanted), lower_story_);
  if (!result.position) result.status = QuoteStatus::kNotFound;
  return result;
}

}  // namespace polaris
