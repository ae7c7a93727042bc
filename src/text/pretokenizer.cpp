#include "text/pretokenizer.h"

#include <array>
#include <cstdint>

#include "text/unicode.h"

namespace polaris {
namespace {

struct Char {
  char32_t code_point;
  std::uint16_t flags;
  std::size_t end;
};

Char char_at(std::string_view text, std::size_t pos) {
  const char32_t c = decode_utf8(text, pos);
  return {c, unicode_flags(c), pos};
}

/// Behind the longest run of characters that have any of the flags.
std::size_t skip_any(std::string_view text, std::size_t pos, std::uint16_t flags) {
  while (pos < text.size()) {
    const Char c = char_at(text, pos);
    if ((c.flags & flags) == 0) break;
    pos = c.end;
  }
  return pos;
}

/// Behind the longest run of characters that have none of the flags.
std::size_t skip_none(std::string_view text, std::size_t pos, std::uint16_t flags) {
  while (pos < text.size()) {
    const Char c = char_at(text, pos);
    if ((c.flags & flags) != 0) break;
    pos = c.end;
  }
  return pos;
}

bool is_newline(char32_t c) { return c == '\r' || c == '\n'; }

/// `[^\r\n\p{L}\p{N}]`: what may stand in front of a word.
bool may_lead_word(const Char& c) {
  return (c.flags & (kLetter | kNumber)) == 0 && !is_newline(c.code_point);
}

// Each function below is one alternative (or a run of them): the end of its match at `pos`, or
// `pos` itself where it does not match.

/// `(?i:'s|'t|'re|'ve|'m|'ll|'d)`. Unicode case folding adds one letter: U+017F, the long s.
std::size_t contraction(std::string_view text, std::size_t pos) {
  if (text[pos] != '\'') return pos;
  const auto letter_at = [&](std::size_t i) -> char {
    return i < text.size() ? static_cast<char>(text[i] | 0x20) : '\0';  // lower-cases ASCII letters
  };
  switch (letter_at(pos + 1)) {
    case 's':
    case 't':
    case 'm':
    case 'd':
      return pos + 2;
    case 'r':
    case 'v':
      return letter_at(pos + 2) == 'e' ? pos + 3 : pos;
    case 'l':
      return letter_at(pos + 2) == 'l' ? pos + 3 : pos;
    default:
      return text.substr(pos + 1).starts_with("\u017F") ? pos + 3 : pos;
  }
}

/// `[^\r\n\p{L}\p{N}]?W+` with W = the characters that have any of `word_flags`.
std::size_t word(std::string_view text, std::size_t pos, std::uint16_t word_flags) {
  const Char first = char_at(text, pos);
  if (may_lead_word(first)) {
    const std::size_t end = skip_any(text, first.end, word_flags);
    if (end > first.end) return end;
  }
  return skip_any(text, pos, word_flags);
}

constexpr std::uint16_t kUpperPart = kUpperOrTitle | kOtherLetter | kMark;
constexpr std::uint16_t kLowerPart = kLower | kOtherLetter | kMark;

/// `U*L+` with U = [\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}], L = [\p{Ll}\p{Lm}\p{Lo}\p{M}].
std::size_t upper_then_lower(std::string_view text, std::size_t pos) {
  std::size_t upper_end = pos;
  std::size_t shared_end = pos;  // behind the last character that is in both classes
  while (upper_end < text.size()) {
    const Char c = char_at(text, upper_end);
    if ((c.flags & kUpperPart) == 0) break;
    upper_end = c.end;
    if ((c.flags & kLowerPart) != 0) shared_end = c.end;
  }
  const std::size_t end = skip_any(text, upper_end, kLowerPart);
  // Without a lower-case letter, U* gives characters back until L+ finds one of both classes.
  return end > upper_end ? end : shared_end;
}

/// `P?U*L+|P?U+L*` with P = [^\r\n\p{L}\p{N}].
std::size_t cased_word(std::string_view text, std::size_t pos) {
  const Char first = char_at(text, pos);
  const bool leads = may_lead_word(first);
  if (leads) {
    const std::size_t end = upper_then_lower(text, first.end);
    if (end > first.end) return end;
  }
  if (const std::size_t end = upper_then_lower(text, pos); end > pos) return end;
  // Whatever is left of U+L* holds upper-case letters only, or the first alternative had matched.
  if (leads) {
    const std::size_t end = skip_any(text, first.end, kUpperPart);
    if (end > first.end) return end;
  }
  return skip_any(text, pos, kUpperPart);
}

/// `\p{N}{1,most}`
std::size_t number(std::string_view text, std::size_t pos, int most) {
  for (int count = 0; count < most && pos < text.size(); ++count) {
    const Char c = char_at(text, pos);
    if ((c.flags & kNumber) == 0) break;
    pos = c.end;
  }
  return pos;
}

/// ` ?[^\s\p{L}\p{N}...]+[\r\n]*`; with `slashes`, the tail is `[\r\n/]*`.
std::size_t punctuation(std::string_view text, std::size_t pos, std::uint16_t not_these,
                        bool slashes) {
  const std::size_t begin = text[pos] == ' ' ? pos + 1 : pos;
  std::size_t end = skip_none(text, begin, not_these);
  if (end == begin) return pos;
  while (end < text.size() && (is_newline(text[end]) || (slashes && text[end] == '/'))) ++end;
  return end;
}

/// `\s*[\r\n]+|\s+(?!\S)|\s+`: up to the last newline of the run; else all of it at the end of the
/// text; else all but its last character, which may belong to the next piece.
std::size_t white_space(std::string_view text, std::size_t pos) {
  std::size_t end = pos;
  std::size_t last_begin = pos;
  std::size_t newline_end = pos;
  while (end < text.size()) {
    const Char c = char_at(text, end);
    if ((c.flags & kWhiteSpace) == 0) break;
    last_begin = end;
    end = c.end;
    if (is_newline(c.code_point)) newline_end = end;
  }
  if (newline_end > pos) return newline_end;
  return end == text.size() || last_begin == pos ? end : last_begin;
}

struct PatternText {
  SplitPattern pattern;
  std::string_view name;
  std::string_view regex;
};

constexpr std::array kPatterns = {
    PatternText{SplitPattern::kQwen2, "qwen2",
                R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N})"
                R"(| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)"},
    PatternText{SplitPattern::kQwen3_5, "qwen3.5",
                R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N})"
                R"(| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)"},
    PatternText{SplitPattern::kLlama3, "llama-3",
                R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3})"
                R"(| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)"},
    PatternText{SplitPattern::kTekken, "tekken",
                R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+)"
                R"(|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*)"
                R"(|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)"},
};

}  // namespace

std::string_view name_of(SplitPattern pattern) {
  return kPatterns[static_cast<std::size_t>(pattern)].name;
}

std::string_view regex_of(SplitPattern pattern) {
  return kPatterns[static_cast<std::size_t>(pattern)].regex;
}

std::optional<SplitPattern> split_pattern_of(std::string_view regex) {
  for (const auto& known : kPatterns) {
    if (known.regex == regex) return known.pattern;
  }
  return std::nullopt;
}

std::size_t piece_end(SplitPattern pattern, std::string_view text, std::size_t pos) {
  const bool tekken = pattern == SplitPattern::kTekken;
  const std::uint16_t word_flags = pattern == SplitPattern::kQwen3_5 ? kLetter | kMark : kLetter;
  if (!tekken) {
    if (const auto end = contraction(text, pos); end > pos) return end;
  }
  if (const auto end = tekken ? cased_word(text, pos) : word(text, pos, word_flags); end > pos)
    return end;
  if (const auto end = number(text, pos, pattern == SplitPattern::kLlama3 ? 3 : 1); end > pos)
    return end;
  const std::uint16_t not_punctuation = kWhiteSpace | kNumber | word_flags;
  if (const auto end = punctuation(text, pos, not_punctuation, /*slashes=*/tekken); end > pos)
    return end;
  return white_space(text, pos);
}

}  // namespace polaris
