#include "text/token_bytes.h"

#include <fmt/format.h>

#include <charconv>

#include "text/byte_alphabet.h"

namespace polaris {
namespace {

/// The byte that a token like "<0x0A>" stands for.
std::optional<char> fallback_byte(std::string_view token) {
  if (token.size() != 6 || !token.starts_with("<0x") || !token.ends_with(">")) return std::nullopt;
  unsigned byte = 0;
  const char* end = token.data() + 5;
  const auto result = std::from_chars(token.data() + 3, end, byte, 16);
  if (result.ec != std::errc() || result.ptr != end) return std::nullopt;
  return static_cast<char>(byte);
}

std::string with_spaces(std::string_view token) {
  constexpr std::string_view kSpaceMark = "\u2581";
  std::string text;
  for (std::size_t pos = 0; pos < token.size();) {
    const auto mark = std::min(token.find(kSpaceMark, pos), token.size());
    text += token.substr(pos, mark - pos);
    if (mark < token.size()) text += ' ';
    pos = mark + kSpaceMark.size();
  }
  return text;
}

}  // namespace

std::string fallback_name(unsigned byte) { return fmt::format("<0x{:02X}>", byte); }

void TokenBytes::append(Kind kind, std::string_view bytes) {
  kinds_.push_back(kind);
  bytes_ += bytes;
  ends_.push_back(bytes_.size());
}

TokenBytes TokenBytes::of_byte_level(const Vocabulary& vocabulary) {
  TokenBytes table;
  for (std::size_t id = 0; id < vocabulary.id_limit(); ++id) {
    const auto text = vocabulary.text_of(static_cast<TokenId>(id));
    if (!text) {
      table.append(Kind::kNone, {});
    } else if (const auto bytes = bytes_of_stand_ins(*text)) {
      table.append(Kind::kText, *bytes);
    } else {
      table.append(Kind::kText, *text);
    }
  }
  return table;
}

TokenBytes TokenBytes::of_metaspace(const Vocabulary& vocabulary) {
  TokenBytes table;
  for (std::size_t id = 0; id < vocabulary.id_limit(); ++id) {
    const auto text = vocabulary.text_of(static_cast<TokenId>(id));
    if (!text) {
      table.append(Kind::kNone, {});
    } else if (const auto byte = fallback_byte(*text)) {
      table.append(Kind::kFallback, {&*byte, 1});
    } else {
      table.append(Kind::kText, with_spaces(*text));
    }
  }
  return table;
}

}  // namespace polaris
