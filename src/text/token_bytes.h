#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "text/tokenizer.h"
#include "text/vocabulary.h"

namespace polaris {

/// What every token contributes to decoded text.
class TokenBytes {
 public:
  enum class Kind : std::uint8_t {
    kNone,      ///< no such token: contributes nothing
    kText,      ///< byte-level: any bytes; byte fallback: whole characters
    kFallback,  ///< byte fallback: one byte, "<0x0A>"
  };

  /// Tokens spelled in stand-ins (byte_alphabet.h); one that is not is its own text.
  static TokenBytes of_byte_level(const Vocabulary& vocabulary);

  /// Tokens spelled as text with U+2581 for spaces, and byte tokens.
  static TokenBytes of_metaspace(const Vocabulary& vocabulary);

  Kind kind(TokenId id) const {
    return static_cast<std::size_t>(id) < kinds_.size() ? kinds_[static_cast<std::size_t>(id)]
                                                        : Kind::kNone;
  }

  /// Empty for an id that names no token.
  std::string_view bytes(TokenId id) const {
    const auto index = static_cast<std::size_t>(id);  // a negative id becomes huge
    if (index >= kinds_.size()) return {};
    return std::string_view(bytes_).substr(ends_[index], ends_[index + 1] - ends_[index]);
  }

 private:
  void append(Kind kind, std::string_view bytes);

  std::string bytes_;
  std::vector<std::size_t> ends_ = {0};  // [ids + 1]
  std::vector<Kind> kinds_;              // [ids]
};

/// "<0x0A>" for 10, as byte tokens are spelled.
std::string fallback_name(unsigned byte);

}  // namespace polaris
