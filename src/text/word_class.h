#pragma once

#include <array>
#include <cstdint>

#include "text/unicode.h"

namespace polaris {

/// What the word counters ask about a character.
enum class WordClass : std::uint8_t {
  kSpace,       ///< is_python_space()
  kWord,        ///< is_word()
  kUnderscore,  ///< is_word(), but neither letter nor number
  kOther,
};

inline constexpr std::array<WordClass, 128> kAsciiWordClass = [] {
  std::array<WordClass, 128> classes{};
  for (int c = 0; c < 128; ++c) {
    const bool space = c == ' ' || (c >= '\t' && c <= '\r') || (c >= 0x1C && c <= 0x1F);
    const bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    classes[static_cast<std::size_t>(c)] = space      ? WordClass::kSpace
                                           : word     ? WordClass::kWord
                                           : c == '_' ? WordClass::kUnderscore
                                                      : WordClass::kOther;
  }
  return classes;
}();

/// Stories are mostly ASCII, where one small table answers.
inline WordClass word_class(char32_t c) {
  if (c < 128) return kAsciiWordClass[c];
  return is_word(c) ? WordClass::kWord : is_python_space(c) ? WordClass::kSpace : WordClass::kOther;
}

inline bool is_word(WordClass c) { return c == WordClass::kWord || c == WordClass::kUnderscore; }

}  // namespace polaris
