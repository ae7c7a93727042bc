#include "text/strip.h"

#include <cstddef>

#include "text/unicode.h"

namespace polaris {

std::string_view left_strip(std::string_view text) {
  std::size_t begin = 0;
  while (begin < text.size()) {
    std::size_t next = begin;
    if (!is_python_space(decode_utf8(text, next))) break;
    begin = next;
  }
  return text.substr(begin);
}

std::string_view right_strip(std::string_view text) {
  const auto continues = [&](std::size_t i) {
    return (static_cast<unsigned char>(text[i]) & 0xC0U) == 0x80U;
  };
  while (!text.empty()) {
    std::size_t begin = text.size() - 1;
    while (begin > 0 && text.size() - begin < 4 && continues(begin)) --begin;
    std::size_t end = begin;
    if (!is_python_space(decode_utf8(text, end)) || end != text.size()) break;
    text = text.substr(0, begin);
  }
  return text;
}

std::string_view strip(std::string_view text) { return left_strip(right_strip(text)); }

}  // namespace polaris
