#pragma once

#include <cstdint>

#include "nn/kernels/simd.h"

namespace polaris::kernels {

/// Parameters that share one scale where moments take 8 bits (specs/performance.md D.4).
constexpr std::int64_t kMomentBlock = 256;

/// Magnitudes from 0 to 1 in `kBits` bits, finer towards 0: the dynamic map of Dettmers et al.
/// (arXiv:2110.02861) with powers of 8 in the place of powers of 10, which makes its values exact.
/// Code 0 is 0, code 2^i - 1 is 8^(i - kBits), and codes between those lie on a line, so 1 is a
/// value and half of all codes are for magnitudes above 1/8.
///
/// The lines of this function of the code are ever steeper, so it is the largest of them, and its
/// inverse is the smallest of theirs: neither way needs a table or a search.
template <int kBits>
struct MomentMap {
  /// code * slope + intercept, and back magnitude * inverse_slope + inverse_intercept.
  struct Line {
    float slope, intercept, inverse_slope, inverse_intercept;
  };
  struct Lines {
    Line line[kBits];
  };

  static constexpr Lines make_lines() {
    Lines lines = {};
    double start = 1;  // 8^(i - kBits), the value of code 2^i - 1
    for (int i = 0; i < kBits; ++i) start /= 8;
    for (int i = 0; i < kBits; ++i, start *= 8) {
      const double codes = 1 << i;
      const double slope = i == 0 ? 8 * start : 7 * start / codes;
      const double intercept = i == 0 ? 0 : start - slope * (codes - 1);
      lines.line[i] = {static_cast<float>(slope), static_cast<float>(intercept),
                       static_cast<float>(1 / slope), static_cast<float>(-intercept / slope)};
    }
    return lines;
  }
  static constexpr Lines kLines = make_lines();
  static constexpr float kLastCode = (1 << kBits) - 1;
};

using FirstMomentMap = MomentMap<7>;   ///< beside a sign
using SecondMomentMap = MomentMap<8>;  ///< of the root of the second moment

POLARIS_INLINE std::int32_t bits_of(float x) { return __builtin_bit_cast(std::int32_t, x); }
POLARIS_INLINE float float_of(std::int32_t bits) { return __builtin_bit_cast(float, bits); }

/// The magnitude of a code. Floats above 0 are in the order of their bits, and only integers have a
/// maximum that g++ makes vector code of; a line below 0 is negative both ways.
template <class Map>
POLARIS_INLINE float magnitude_of(std::int32_t code) {
  constexpr auto kLines = Map::kLines;  // kernels of a GPU cannot refer to the map's own
  const auto x = static_cast<float>(code);
  std::int32_t most = 0;
  for (const auto& line : kLines.line) {
    const std::int32_t bits = bits_of(x * line.slope + line.intercept);
    most = bits > most ? bits : most;
  }
  return __builtin_bit_cast(float, most);
}

/// A code beside a magnitude in [0, 1], or a rounding error above 1: the nearest where `up` is 0.5;
/// of the two the one that keeps the mean where `up` is uniform in [0, 1).
template <class Map>
POLARIS_INLINE std::int32_t code_of(float magnitude, float up) {
  constexpr auto kLines = Map::kLines;
  std::int32_t least = bits_of(Map::kLastCode);
  for (const auto& line : kLines.line) {
    const std::int32_t bits = bits_of(magnitude * line.inverse_slope + line.inverse_intercept);
    least = bits < least ? bits : least;
  }
  return static_cast<std::int32_t>(__builtin_bit_cast(float, least) + up);
}

/// What makes magnitudes of a block whose largest is `scale`.
POLARIS_INLINE float inverse_scale(float scale) { return scale >= 0x1p-126F ? 1.0F / scale : 0.0F; }

}  // namespace polaris::kernels
