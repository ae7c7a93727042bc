#include "base/random.h"

#include <fmt/core.h>

#include <cmath>
#include <limits>
#include <numbers>

#include "base/error.h"

namespace polaris {

std::uint32_t id_hash(std::string_view id) {
  std::uint64_t hash = 0xCBF29CE484222325;
  for (const char c : id) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 0x100000001B3;
  }
  return static_cast<std::uint32_t>(hash >> 32) ^ static_cast<std::uint32_t>(hash);
}

std::array<std::uint32_t, 4> StreamId::draw(std::uint32_t position) const {
  POLARIS_CHECK(sample < (1U << 24), "sample {} does not fit into 24 bits", sample);
  return philox({prompt_hash, step, position, sample << 8 | static_cast<std::uint32_t>(purpose)},
                {static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)});
}

std::uint32_t RandomStream::next_u32() {
  if (used_ == words_.size()) {
    POLARIS_CHECK(position_ <= std::numeric_limits<std::uint32_t>::max(),
                  "a random stream is used up");
    words_ = id_.draw(static_cast<std::uint32_t>(position_++));
    used_ = 0;
  }
  return words_[used_++];
}

double RandomStream::uniform() {
  const std::uint32_t high = next_u32();
  return uniform01(high, next_u32());
}

std::uint32_t RandomStream::below(std::uint32_t n) {
  POLARIS_CHECK(n > 0, "nothing is below 0");
  // The upper word of word * n is uniform once the first 2^32 mod n lower words are refused.
  const std::uint32_t refused = (0U - n) % n;
  while (true) {
    const std::uint64_t product = std::uint64_t{next_u32()} * n;
    if (static_cast<std::uint32_t>(product) >= refused)
      return static_cast<std::uint32_t>(product >> 32);
  }
}

double RandomStream::normal() {
  if (spare_normal_) return *std::exchange(spare_normal_, std::nullopt);
  const double radius = std::sqrt(-2.0 * std::log(1.0 - uniform()));  // of (0, 1]: log is finite
  const double angle = 2.0 * std::numbers::pi * uniform();
  spare_normal_ = radius * std::sin(angle);
  return radius * std::cos(angle);
}

}  // namespace polaris
