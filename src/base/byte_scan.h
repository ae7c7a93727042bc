#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace polaris {

/// Where the first byte at or behind `at` stands for which `holds` is false; text.size() if
/// nowhere. For texts of which nearly all bytes hold: sixteen at a time, which compilers make
/// vector code of.
/// @param holds  bool(const char* byte), a lambda: a function would be called for every byte
template <class Holds>
std::size_t find_if_not(std::string_view text, std::size_t at, const Holds& holds) {
  using Block = std::array<unsigned char, 16>;
  for (; at + sizeof(Block) <= text.size(); at += sizeof(Block)) {
    const char* bytes = text.data() + at;
    Block misses;
    for (std::size_t i = 0; i < misses.size(); ++i) misses[i] = holds(bytes + i) ? 0 : 1;
    const auto halves = std::bit_cast<std::array<std::uint64_t, 2>>(misses);
    if ((halves[0] | halves[1]) != 0) break;
  }
  while (at < text.size() && holds(text.data() + at)) ++at;
  return at;
}

}  // namespace polaris
