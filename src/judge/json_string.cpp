#include "judge/json_string.h"

#include "base/byte_scan.h"
#include "base/json.h"
#include "text/unicode.h"

namespace polaris {
namespace {

/// Whether a byte stands for itself in a JSON string.
constexpr auto is_plain = [](const char* c) {
  return static_cast<unsigned char>(*c) >= 0x20 && *c != '"' && *c != '\\';
};

}  // namespace

std::string json_string(std::string_view text) {
  if (!is_valid_utf8(text)) return dump_json(text);
  std::string out = "\"";
  out.reserve(text.size() + text.size() / 16);
  for (std::size_t pos = 0; pos < text.size(); ++pos) {
    const std::size_t plain_end = find_if_not(text, pos, is_plain);
    out += text.substr(pos, plain_end - pos);
    pos = plain_end;
    if (pos == text.size()) break;
    if (text[pos] == '\n') {
      out += "\\n";
    } else if (text[pos] == '"' || text[pos] == '\\') {
      out += {'\\', text[pos]};
    } else {
      const std::string escaped = dump_json(text.substr(pos, 1));
      out.append(escaped, 1, escaped.size() - 2);
    }
  }
  return out += '"';
}

std::optional<std::string> text_of_json_string(std::string_view json) {
  constexpr std::string_view kLetters = "\"\\bfnrt";
  constexpr std::string_view kMeanings = "\"\\\b\f\n\r\t";
  if (json.size() < 2 || json.front() != '"' || json.back() != '"' || !is_valid_utf8(json))
    return std::nullopt;
  json = json.substr(1, json.size() - 2);
  std::string text;
  text.reserve(json.size());
  for (std::size_t pos = 0; pos < json.size(); ++pos) {
    const std::size_t plain_end = find_if_not(json, pos, is_plain);
    text += json.substr(pos, plain_end - pos);
    pos = plain_end;
    if (pos == json.size()) break;
    if (json[pos] != '\\' || ++pos == json.size()) return std::nullopt;
    const auto letter = kLetters.find(json[pos]);
    if (letter == std::string_view::npos) return std::nullopt;  // \u0001 and its like are rare
    text += kMeanings[letter];
  }
  return text;
}

}  // namespace polaris
