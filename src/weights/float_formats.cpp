#include "weights/float_formats.h"

namespace polaris {
namespace {

constexpr std::uint32_t kF16Infinity = 0x7C00;
constexpr std::uint32_t kF16Quiet = 0x0200;
constexpr int kExponentShift = 127 - 15;  // difference of the two exponent biases
constexpr int kFractionShift = 23 - 10;   // difference of the two fraction widths

}  // namespace

float float_from_f16(std::uint16_t bits) {
  const std::uint32_t sign = (bits & 0x8000U) << 16;
  const std::uint32_t exponent = (bits >> 10) & 0x1FU;
  const std::uint32_t fraction = bits & 0x3FFU;
  if (exponent == 0x1F) {  // infinity or NaN
    const std::uint32_t quiet = fraction == 0 ? 0 : 0x00400000U;
    return std::bit_cast<float>(sign | 0x7F800000U | quiet | fraction << kFractionShift);
  }
  if (exponent == 0) {  // zero or subnormal: fraction * 2^-24, exact in binary32
    const float magnitude = static_cast<float>(fraction) * 0x1p-24F;
    return std::bit_cast<float>(sign | std::bit_cast<std::uint32_t>(magnitude));
  }
  return std::bit_cast<float>(sign | (exponent + kExponentShift) << 23 |
                              fraction << kFractionShift);
}

std::uint16_t f16_from_float(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t sign = (bits >> 16) & 0x8000U;
  const std::uint32_t magnitude = bits & 0x7FFFFFFFU;
  std::uint32_t result = 0;
  if (magnitude > 0x7F800000U) {  // NaN
    result = kF16Infinity | kF16Quiet | ((magnitude >> kFractionShift) & 0x3FFU);
  } else if (magnitude >= 0x477FF000U) {  // 65520 and more round to infinity
    result = kF16Infinity;
  } else if (magnitude < 0x38800000U) {
    // Below 2^-14 the result is a whole number of 2^-24 steps. Adding 0.5, whose unit in the last
    // place is 2^-24, lets the floating-point addition do the rounding.
    const float shifted = std::bit_cast<float>(magnitude) + 0.5F;
    result = std::bit_cast<std::uint32_t>(shifted) - std::bit_cast<std::uint32_t>(0.5F);
  } else {
    const std::uint32_t odd = (magnitude >> kFractionShift) & 1U;
    result = (magnitude - (static_cast<std::uint32_t>(kExponentShift) << 23) + 0xFFFU + odd) >>
             kFractionShift;
  }
  return static_cast<std::uint16_t>(sign | result);
}

}  // namespace polaris
