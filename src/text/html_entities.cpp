#include "text/html_entities.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <unordered_map>

#include "text/html_entities_table.h"
#include "text/unicode.h"

namespace polaris {
namespace {

struct Entity {
  std::string text;
  bool needs_semicolon = true;
};

using Entities = std::unordered_map<std::string_view, Entity>;

Entities parse_table() {
  Entities entities;
  std::string_view rest = kHtmlEntityTable;
  while (!rest.empty()) {
    const std::string_view entry = rest.substr(0, rest.find(' '));
    rest.remove_prefix(std::min(entry.size() + 1, rest.size()));
    const auto equals = entry.find('=');
    std::string_view name = entry.substr(0, equals);
    Entity entity;
    if (name.ends_with('*')) {
      entity.needs_semicolon = false;
      name.remove_suffix(1);
    }
    const char* at = entry.data() + equals;
    const char* const end = entry.data() + entry.size();
    while (at < end) {  // at '=' or '+'
      std::uint32_t point = 0;
      at = std::from_chars(at + 1, end, point, 16).ptr;
      append_utf8(entity.text, point);
    }
    entities.emplace(name, std::move(entity));
  }
  return entities;
}

const Entities& entities() {
  static const Entities table = parse_table();
  return table;
}

bool is_digit(char c, int base) {
  const bool decimal = c >= '0' && c <= '9';
  return decimal || (base == 16 && ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')));
}

bool is_alphanumeric(char c) {
  return is_digit(c, 10) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/// What a number stands for, by the standard's "numeric character reference end state".
void append_numbered(std::string& out, std::uint32_t point) {
  // 128..159 are read as Windows-1252; 0 there means that it has none.
  constexpr std::array<char16_t, 32> kWindows1252 = {
      0x20AC, 0,      0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160,
      0x2039, 0x0152, 0,      0x017D, 0,      0,      0x2018, 0x2019, 0x201C, 0x201D, 0x2022,
      0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0,      0x017E, 0x0178};
  if (point >= 0x80 && point < 0xA0) {
    const char16_t mapped = kWindows1252[point - 0x80];
    append_utf8(out, mapped != 0 ? mapped : point);
    return;
  }
  const bool control = (point >= 0x01 && point <= 0x08) || point == 0x0B ||
                       (point >= 0x0E && point <= 0x1F) || point == 0x7F;
  const bool noncharacter =
      (point >= 0xFDD0 && point <= 0xFDEF) || (point <= 0x10FFFF && (point & 0xFFFEU) == 0xFFFEU);
  if (control || noncharacter) return;
  append_utf8(out, point == 0 ? kReplacementCharacter : static_cast<char32_t>(point));
}

/// Decodes the reference whose '&' is at text[at], appends it and returns where it ends; returns
/// `at` and appends nothing if it is none.
std::size_t decode_reference(std::string_view text, std::size_t at, std::string& out) {
  std::size_t end = at + 1;
  const auto skip_semicolon = [&] { return end + (end < text.size() && text[end] == ';' ? 1 : 0); };
  if (end < text.size() && text[end] == '#') {
    ++end;
    const bool hexadecimal = end < text.size() && (text[end] == 'x' || text[end] == 'X');
    if (hexadecimal) ++end;
    const int base = hexadecimal ? 16 : 10;
    const std::size_t digits = end;
    std::uint32_t point = 0;
    for (; end < text.size() && is_digit(text[end], base); ++end) {
      std::uint32_t digit = 0;
      std::from_chars(&text[end], &text[end] + 1, digit, base);
      if (point <= 0x10FFFF) point = point * static_cast<std::uint32_t>(base) + digit;
    }
    if (end == digits) return at;
    append_numbered(out, point);
    return skip_semicolon();
  }
  constexpr std::size_t kLongestName = 32;
  while (end < text.size() && end - at <= kLongestName && is_alphanumeric(text[end])) ++end;
  const std::string_view name = text.substr(at + 1, end - at - 1);
  if (end < text.size() && text[end] == ';') {
    if (const auto found = entities().find(name); found != entities().end()) {
      out += found->second.text;
      return end + 1;
    }
  }
  for (std::size_t length = name.size(); length >= 2; --length) {
    const auto found = entities().find(name.substr(0, length));
    if (found == entities().end() || found->second.needs_semicolon) continue;
    out += found->second.text;
    return at + 1 + length;
  }
  return at;
}

}  // namespace

std::string unescape_html(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t next = std::min(text.find('&', at), text.size());
    out += text.substr(at, next - at);
    if (next == text.size()) break;
    at = decode_reference(text, next, out);
    if (at == next) out += text[at++];
  }
  return out;
}

}  // namespace polaris
