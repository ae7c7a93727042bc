#pragma once

#include <cstdint>

namespace polaris::kernels {

/// A float32 as the bfloat16 that the model computes with and what that lacks:
///
///   bits = (upper << 16) + lower,   upper = (bits + 0x8000) >> 16
///
/// Exact for every bit pattern. `upper` is the value rounded to nearest; a tie goes away from zero.
/// Source: specs/performance.md D.4.
struct SplitFloat {
  std::uint16_t upper;
  std::int16_t lower;
};

constexpr SplitFloat split(float value) {
  const auto bits = __builtin_bit_cast(std::uint32_t, value);
  const std::uint32_t upper = (bits + 0x8000U) >> 16;
  return {static_cast<std::uint16_t>(upper), static_cast<std::int16_t>(bits - (upper << 16))};
}

constexpr float join(SplitFloat parts) {
  const auto upper = static_cast<std::uint32_t>(parts.upper) << 16;
  return __builtin_bit_cast(float, upper + static_cast<std::uint32_t>(std::int32_t{parts.lower}));
}

}  // namespace polaris::kernels
