#pragma once

#include <bit>
#include <cstdint>

/// Conversions between binary32 and the two 16-bit formats of weights, on bit patterns.
///
///   bfloat16  1 sign, 8 exponent, 7 fraction bits: the upper half of a binary32
///   binary16  1 sign, 5 exponent, 10 fraction bits (IEEE 754 half)
///
/// Narrowing rounds to nearest, ties to even. A NaN keeps its sign and upper payload bits and
/// becomes quiet, as the conversion instructions of x86 do it.
namespace polaris {

inline float float_from_bf16(std::uint16_t bits) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

inline std::uint16_t bf16_from_float(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const bool is_nan = (bits & 0x7FFFFFFFU) > 0x7F800000U;
  // Adding just under half a step, plus the bit that makes an odd result round up at a tie, carries
  // into the exponent where it has to: to the next power of two, and to infinity at the top.
  const std::uint32_t rounded = (bits + 0x7FFFU + ((bits >> 16) & 1U)) >> 16;
  return static_cast<std::uint16_t>(is_nan ? (bits >> 16) | 0x0040U : rounded);
}

float float_from_f16(std::uint16_t bits);
std::uint16_t f16_from_float(float value);

}  // namespace polaris
