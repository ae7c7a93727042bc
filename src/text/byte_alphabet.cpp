#include "text/byte_alphabet.h"

#include <array>

#include "text/unicode.h"

namespace polaris {
namespace {

constexpr bool stands_for_itself(unsigned byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

constexpr std::array<char16_t, 256> kStandIns = [] {
  std::array<char16_t, 256> table{};
  char16_t next = 0x100;
  for (unsigned byte = 0; byte < 256; ++byte) {
    table[byte] = stands_for_itself(byte) ? static_cast<char16_t>(byte) : next++;
  }
  return table;
}();

constexpr char32_t kStandInLimit = 0x100 + 68;

/// By code point; -1 where it is no stand-in.
constexpr std::array<int, kStandInLimit> kBytes = [] {
  std::array<int, kStandInLimit> table{};
  table.fill(-1);
  for (int byte = 0; byte < 256; ++byte) table[kStandIns[static_cast<unsigned>(byte)]] = byte;
  return table;
}();

}  // namespace

void append_stand_ins(std::string& out, std::string_view bytes) {
  for (const char byte : bytes) append_utf8(out, kStandIns[static_cast<unsigned char>(byte)]);
}

std::optional<std::string> bytes_of_stand_ins(std::string_view text) {
  std::string bytes;
  bytes.reserve(text.size());
  for (std::size_t pos = 0; pos < text.size();) {
    const char32_t c = decode_utf8(text, pos);
    if (c >= kStandInLimit || kBytes[c] < 0) return std::nullopt;
    bytes.push_back(static_cast<char>(kBytes[c]));
  }
  return bytes;
}

}  // namespace polaris
