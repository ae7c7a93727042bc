#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace polaris {

/// Byte-level vocabularies are spelled in printable characters, one per byte (the GPT-2 table):
/// bytes 0x21..0x7E, 0xA1..0xAC and 0xAE..0xFF stand for themselves as code points, the other 68
/// are U+0100, U+0101, ... in order. So a space is "Ġ" (U+0120), a newline "Ċ" (U+010A).

/// Appends the stand-ins of `bytes` as UTF-8.
void append_stand_ins(std::string& out, std::string_view bytes);

/// The bytes that a token text stands for; absent if a character of it is no stand-in.
std::optional<std::string> bytes_of_stand_ins(std::string_view text);

}  // namespace polaris
