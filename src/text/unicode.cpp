#include "text/unicode.h"

#include <utf8proc.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "base/error.h"
#include "text/unicode_tables.h"

namespace polaris {
namespace {

/// The multi-byte character, or invalid part, at text[pos].
struct Utf8Part {
  char32_t code_point = kReplacementCharacter;
  std::size_t length = 1;
  bool valid = false;
  bool truncated = false;  ///< invalid only because the text ends here
};

Utf8Part read_multi_byte(std::string_view text, std::size_t pos) {
  const auto byte_at = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned lead = byte_at(pos);
  // Bounds of the second byte shut out overlong forms, surrogates and values beyond U+10FFFF.
  unsigned low = 0x80;
  unsigned high = 0xBF;
  std::size_t length = 0;
  char32_t c = 0;
  if (lead >= 0xC2 && lead <= 0xDF) {
    length = 2;
    c = lead & 0x1F;
  } else if (lead >= 0xE0 && lead <= 0xEF) {
    length = 3;
    c = lead & 0x0F;
    if (lead == 0xE0) low = 0xA0;
    if (lead == 0xED) high = 0x9F;
  } else if (lead >= 0xF0 && lead <= 0xF4) {
    length = 4;
    c = lead & 0x07;
    if (lead == 0xF0) low = 0x90;
    if (lead == 0xF4) high = 0x8F;
  } else {
    return {};
  }
  for (std::size_t i = 1; i < length; ++i) {
    if (pos + i == text.size()) return {.length = i, .truncated = true};
    const unsigned byte = byte_at(pos + i);
    if (byte < low || byte > high) return {.length = i};
    low = 0x80;
    high = 0xBF;
    c = (c << 6) | (byte & 0x3F);
  }
  return {.code_point = c, .length = length, .valid = true};
}

/// True if the eight bytes at `bytes` are ASCII.
bool eight_ascii(const char* bytes) {
  std::uint64_t word;
  std::memcpy(&word, bytes, sizeof word);
  return (word & 0x8080808080808080U) == 0;
}

/// Where the first byte sits that is not ASCII, from `pos` on; text.size() if there is none.
std::size_t skip_ascii(std::string_view text, std::size_t pos) {
  while (pos + 8 <= text.size() && eight_ascii(text.data() + pos)) pos += 8;
  while (pos < text.size() && static_cast<unsigned char>(text[pos]) < 0x80) ++pos;
  return pos;
}

/// Every run of combining marks sorted by combining class, which NFC does not care about but
/// utf8proc does: it sorts them in quadratic time, minutes for a megabyte of marks.
std::string with_sorted_marks(std::string_view text) {
  std::vector<char32_t> characters;
  for (std::size_t pos = 0; pos < text.size();) characters.push_back(decode_utf8(text, pos));
  const auto class_of = [](char32_t c) {
    return utf8proc_get_property(static_cast<utf8proc_int32_t>(c))->combining_class;
  };
  for (auto begin = characters.begin(); begin != characters.end();) {
    const auto end =
        std::find_if(begin, characters.end(), [&](char32_t c) { return class_of(c) == 0; });
    std::stable_sort(begin, end, [&](char32_t a, char32_t b) { return class_of(a) < class_of(b); });
    begin = end == characters.end() ? end : end + 1;
  }
  std::string out;
  for (const char32_t c : characters) append_utf8(out, c);
  return out;
}

std::string nfc_by_library(std::string_view unsorted) {
  const std::string text = with_sorted_marks(unsorted);
  utf8proc_uint8_t* composed = nullptr;
  const auto length =
      utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                   static_cast<utf8proc_ssize_t>(text.size()), &composed,
                   static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
  const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owner(composed, &std::free);
  POLARIS_CHECK(length >= 0, "utf8proc: {}", utf8proc_errmsg(length));
  return {reinterpret_cast<const char*>(composed), static_cast<std::size_t>(length)};
}

bool ends_word_before(std::string_view text, std::size_t pos) {
  while (pos > 0) {
    do {
      --pos;
    } while (pos > 0 && (static_cast<unsigned char>(text[pos]) & 0xC0) == 0x80);
    std::size_t end = pos;
    const auto flags = unicode_flags(decode_utf8(text, end));
    if ((flags & kCaseIgnorable) == 0) return (flags & kCased) != 0;
  }
  return false;
}

bool continues_word_after(std::string_view text, std::size_t pos) {
  while (pos < text.size()) {
    const auto flags = unicode_flags(decode_utf8(text, pos));
    if ((flags & kCaseIgnorable) == 0) return (flags & kCased) != 0;
  }
  return false;
}

}  // namespace

char32_t decode_utf8_slow(std::string_view text, std::size_t& pos) {
  const auto part = read_multi_byte(text, pos);
  pos += part.length;
  return part.code_point;
}

void append_utf8(std::string& out, char32_t c) {
  if (c > 0x10FFFF || (c >= 0xD800 && c < 0xE000)) c = kReplacementCharacter;
  const auto add = [&](char32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (c < 0x80) {
    add(c);
  } else if (c < 0x800) {
    add(0xC0 | (c >> 6));
    add(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    add(0xE0 | (c >> 12));
    add(0x80 | ((c >> 6) & 0x3F));
    add(0x80 | (c & 0x3F));
  } else {
    add(0xF0 | (c >> 18));
    add(0x80 | ((c >> 12) & 0x3F));
    add(0x80 | ((c >> 6) & 0x3F));
    add(0x80 | (c & 0x3F));
  }
}

bool is_valid_utf8(std::string_view text) {
  for (std::size_t pos = skip_ascii(text, 0); pos < text.size(); pos = skip_ascii(text, pos)) {
    const auto part = read_multi_byte(text, pos);
    if (!part.valid) return false;
    pos += part.length;
  }
  return true;
}

std::string to_valid_utf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t pos = 0; pos < text.size();) {
    const std::size_t ascii_end = skip_ascii(text, pos);
    out.append(text, pos, ascii_end - pos);
    pos = ascii_end;
    if (pos < text.size()) append_utf8(out, decode_utf8_slow(text, pos));
  }
  return out;
}

std::size_t incomplete_utf8_tail(std::string_view text) {
  for (std::size_t tail = 1; tail <= std::min<std::size_t>(3, text.size()); ++tail) {
    const std::size_t pos = text.size() - tail;
    const auto byte = static_cast<unsigned char>(text[pos]);
    if ((byte & 0xC0) == 0x80) continue;
    return byte >= 0x80 && read_multi_byte(text, pos).truncated &&
                   read_multi_byte(text, pos).length == tail
               ? tail
               : 0;
  }
  return 0;
}

bool is_surely_nfc(std::string_view text) {
  for (std::size_t pos = skip_ascii(text, 0); pos < text.size(); pos = skip_ascii(text, pos)) {
    const auto part = read_multi_byte(text, pos);
    if (!part.valid || (unicode_flags(part.code_point) & kNfcUnsafe) != 0) return false;
    pos += part.length;
  }
  return true;
}

std::string nfc(std::string_view text) {
  if (is_surely_nfc(text)) return std::string(text);
  if (!is_valid_utf8(text)) return nfc(to_valid_utf8(text));
  // NFC never reaches across a code point that is not unsafe, from the left: cut there, and leave
  // to the library only [one safe character][its unsafe followers].
  std::string out;
  out.reserve(text.size());
  std::size_t chunk = 0;
  bool chunk_is_safe = true;
  const auto close_chunk = [&](std::size_t end) {
    const auto part = text.substr(chunk, end - chunk);
    chunk_is_safe ? out.append(part) : out.append(nfc_by_library(part));
    chunk = end;
    chunk_is_safe = true;
  };
  for (std::size_t pos = 0; pos < text.size();) {
    const std::size_t begin = pos;
    if ((unicode_flags(decode_utf8(text, pos)) & kNfcUnsafe) != 0) {
      chunk_is_safe = false;
    } else {
      close_chunk(begin);
    }
  }
  close_chunk(text.size());
  return out;
}

void append_lower(std::string& out, char32_t c) {
  if (c < 0x80) {
    out.push_back(static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c));
    return;
  }
  if (c == 0x130) {
    out += "i\u0307";
    return;
  }
  const auto* end = kLowerRanges + kLowerRangeCount;
  const auto* range = std::lower_bound(
      kLowerRanges, end, c, [](const LowerRange& r, char32_t value) { return r.last < value; });
  const bool maps = range != end && c >= range->first && (c - range->first) % range->stride == 0;
  append_utf8(out,
              maps ? static_cast<char32_t>(static_cast<std::int64_t>(c) + range->difference) : c);
}

std::string lower(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t pos = 0; pos < text.size();) {
    const std::size_t begin = pos;
    const char32_t c = decode_utf8(text, pos);
    const bool final_sigma =
        c == 0x3A3 && ends_word_before(text, begin) && !continues_word_after(text, pos);
    final_sigma ? append_utf8(out, 0x3C2) : append_lower(out, c);
  }
  return out;
}

}  // namespace polaris
