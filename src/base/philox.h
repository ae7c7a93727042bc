#pragma once

#include <array>
#include <cstdint>

namespace polaris {

/// Philox4x32-10: four random words from a counter and a key. Also in kernels of a GPU.
/// Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
constexpr std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 4> counter,
                                              std::array<std::uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t a = std::uint64_t{0xD2511F53} * counter[0];
    const std::uint64_t b = std::uint64_t{0xCD9E8D57} * counter[2];
    counter = {
        static_cast<std::uint32_t>(b >> 32) ^ counter[1] ^ key[0], static_cast<std::uint32_t>(b),
        static_cast<std::uint32_t>(a >> 32) ^ counter[3] ^ key[1], static_cast<std::uint32_t>(a)};
    key[0] += 0x9E3779B9;
    key[1] += 0xBB67AE85;
  }
  return counter;
}

/// Uniform in [0, 1) with 53 bits: the upper 27 bits of `high`, then the upper 26 bits of `low`.
constexpr double uniform01(std::uint32_t high, std::uint32_t low) {
  const std::uint64_t bits = (std::uint64_t{high >> 5} << 26) | (low >> 6);
  return static_cast<double>(bits) * 0x1p-53;
}

}  // namespace polaris
