#include "judge/quotes.h"

#include <algorithm>
#include <cstring>

#include "base/byte_scan.h"
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

/// std::string_view::find is several times slower on a text of a story's length.
std::optional<std::size_t> find_in(std::string_view text, std::string_view wanted) {
  const void* found = ::memmem(text.data(), text.size(), wanted.data(), wanted.size());
  if (found == nullptr) return std::nullopt;
  return static_cast<std::size_t>(static_cast<const char*>(found) - text.data());
}

/// NFC, plain forms, white space folded. No plain form is longer than its character in UTF-8.
std::string normalised(std::string_view text) {
  std::string plain = nfc(text);
  const std::string composed = plain;
  // Printable ASCII stays as it is, and blanks too if nowhere two of them meet.
  const auto is_no_pair = [](const char* c) { return ((c[0] ^ ' ') | (c[1] ^ ' ')) != 0; };
  const bool has_pair = find_if_not(composed, 0, is_no_pair) < composed.size();
  const char least = has_pair ? '!' : ' ';
  const auto is_plain = [least](const char* c) { return *c >= least && *c < 0x7F; };
  char* out = plain.data();
  bool after_space = true;  // leading white space goes
  for (std::size_t pos = 0; pos < composed.size();) {
    const std::size_t plain_end =
        after_space && composed[pos] == ' ' ? pos : find_if_not(composed, pos, is_plain);
    if (plain_end > pos) {  // nearly always
      out = std::copy(composed.data() + pos, composed.data() + plain_end, out);
      after_space = out[-1] == ' ';
      pos = plain_end;
      continue;
    }
    const std::size_t begin = pos;
    const char32_t c = decode_utf8(composed, pos);
    if (is_python_space(c)) {
      if (!after_space) *out++ = ' ';
      after_space = true;
      continue;
    }
    after_space = false;
    std::string_view form = plain_form(c);
    if (form.empty()) form = std::string_view(composed).substr(begin, pos - begin);
    out = std::ranges::copy(form, out).out;
  }
  plain.resize(static_cast<std::size_t>(out - plain.data()));
  if (plain.ends_with(' ')) plain.pop_back();
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

double position_at(std::size_t offset, std::string_view story) {
  return characters(story.substr(0, offset)) / characters(story);
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
    : written_(story), is_nfc_(is_surely_nfc(story)), max_words_(max_words) {}

/// What stands in the story as it is written stands, normalised, in the normalised one too: where a
/// story is in NFC, every character changes by itself.
bool QuoteChecker::is_written(std::string_view text) const {
  return is_nfc_ && is_valid_utf8(text) && find_in(written_, text);
}

const std::string& QuoteChecker::story() const {
  if (!story_) story_ = normalised(written_);
  return *story_;
}

const std::string& QuoteChecker::lower_story() const {
  if (!lower_story_) lower_story_ = lower(story());
  return *lower_story_;
}

QuoteChecker::Search QuoteChecker::search(std::string_view quote, bool with_place) const {
  const std::string plain = normalised(quote);
  const std::string_view wanted = without_outer_marks(plain);
  if (wanted.empty()) return {.status = QuoteStatus::kEmpty};
  Search result{.words = count_pieces(wanted)};
  if (result.words > max_words_) {
    result.status = QuoteStatus::kTooLong;
    return result;
  }
  result.status = QuoteStatus::kExact;
  if (!with_place && (is_written(quote) || is_written(wanted))) return result;
  result.offset = find_in(story(), wanted);
  if (result.offset) return result;
  result.status = QuoteStatus::kCaseOnly;
  result.offset = find_in(lower_story(), lower(wanted));
  if (!result.offset) result.status = QuoteStatus::kNotFound;
  return result;
}

QuoteStatus QuoteChecker::status(std::string_view quote) const {
  return search(quote, /*with_place=*/false).status;
}

QuoteCheck QuoteChecker::check(std::string_view quote) const {
  const Search found = search(quote, /*with_place=*/true);
  QuoteCheck result{.status = found.status, .words = found.words};
  if (found.offset)
    result.position =
        position_at(*found.offset, found.status == QuoteStatus::kExact ? story() : lower_story());
  return result;
}

}  // namespace polaris
