#include "weights/dtype.h"

#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "base/error.h"
#include "weights/float_formats.h"

namespace polaris {
namespace {

float f32(std::uint32_t bits) { return std::bit_cast<float>(bits); }
std::uint32_t bits_of(float value) { return std::bit_cast<std::uint32_t>(value); }

/// The number that a 16-bit pattern stands for, straight from the definition of the format.
double value_by_definition(std::uint16_t bits, int exponent_bits, int fraction_bits) {
  const int bias = (1 << (exponent_bits - 1)) - 1;
  const int exponent = (bits >> fraction_bits) & ((1 << exponent_bits) - 1);
  const int fraction = bits & ((1 << fraction_bits) - 1);
  const double sign = (bits & 0x8000) != 0 ? -1.0 : 1.0;
  if (exponent == (1 << exponent_bits) - 1) {
    return fraction == 0 ? sign * std::numeric_limits<double>::infinity()
                         : std::numeric_limits<double>::quiet_NaN();
  }
  const int implicit = exponent == 0 ? 0 : 1 << fraction_bits;
  return sign * std::ldexp(implicit + fraction, std::max(exponent, 1) - bias - fraction_bits);
}

struct Format {
  const char* name;
  Dtype dtype;
  int exponent_bits;
  int fraction_bits;
  std::uint16_t (*narrow)(float);
  float (*widen)(std::uint16_t);

  std::uint16_t infinity() const {
    return static_cast<std::uint16_t>(((1 << exponent_bits) - 1) << fraction_bits);
  }
  double value(std::uint16_t bits) const {
    return value_by_definition(bits, exponent_bits, fraction_bits);
  }
};

class HalfFormats : public testing::TestWithParam<Format> {};

TEST_P(HalfFormats, WidenEveryPatternAsTheFormatDefinesIt) {
  for (std::uint32_t i = 0; i < 0x10000; ++i) {
    const auto bits = static_cast<std::uint16_t>(i);
    const double expected = GetParam().value(bits);
    const float actual = GetParam().widen(bits);
    if (std::isnan(expected)) {
      ASSERT_TRUE(std::isnan(actual)) << i;
    } else {
      ASSERT_EQ(static_cast<double>(actual), expected) << i;
    }
    ASSERT_EQ(std::signbit(actual), (i & 0x8000) != 0) << i;
  }
}

TEST_P(HalfFormats, NarrowEveryOwnNumberToItself) {
  for (std::uint32_t i = 0; i < 0x10000; ++i) {
    const auto bits = static_cast<std::uint16_t>(i);
    if (std::isnan(GetParam().value(bits))) continue;
    ASSERT_EQ(GetParam().narrow(GetParam().widen(bits)), bits);
  }
}

// The whole rule of rounding is what happens around the middle between two neighbours.
TEST_P(HalfFormats, RoundToTheNearestAndAtATieToTheEvenNeighbour) {
  const Format& format = GetParam();
  for (std::uint16_t low = 0; low + 1 < format.infinity(); ++low) {
    const auto high = static_cast<std::uint16_t>(low + 1);
    // Exact: a binary32 has fraction bits to spare for the middle of any two neighbours.
    const auto middle = static_cast<float>((format.value(low) + format.value(high)) / 2);
    const std::uint16_t even = low % 2 == 0 ? low : high;
    ASSERT_EQ(format.narrow(middle), even) << low;
    ASSERT_EQ(format.narrow(-middle), even | 0x8000) << low;
    ASSERT_EQ(format.narrow(std::nextafterf(middle, 0.0F)), low) << low;
    ASSERT_EQ(format.narrow(std::nextafterf(middle, INFINITY)), high) << low;
  }
}

TEST_P(HalfFormats, OverflowToInfinityFromTheMiddleBeyondTheLargestNumberOn) {
  const Format& format = GetParam();
  const auto largest = static_cast<std::uint16_t>(format.infinity() - 1);
  const double step = format.value(largest) - format.value(static_cast<std::uint16_t>(largest - 1));
  const auto middle = static_cast<float>(format.value(largest) + step / 2);
  EXPECT_EQ(format.narrow(std::nextafterf(middle, 0.0F)), largest);
  EXPECT_EQ(format.narrow(middle), format.infinity());
  EXPECT_EQ(format.narrow(INFINITY), format.infinity());
  EXPECT_EQ(format.narrow(-INFINITY), format.infinity() | 0x8000);
  EXPECT_EQ(format.narrow(std::numeric_limits<float>::max()), format.infinity());
}

TEST_P(HalfFormats, KeepANanANanOfTheSameSign) {
  for (const std::uint32_t nan :
       {0x7FC00000U, 0x7F800001U, 0x7FFFFFFFU, 0xFFC00000U, 0xFF800001U}) {
    const std::uint16_t narrow = GetParam().narrow(f32(nan));
    EXPECT_TRUE(std::isnan(GetParam().widen(narrow))) << nan;
    EXPECT_EQ(narrow >> 15, nan >> 31) << nan;
  }
}

TEST_P(HalfFormats, RoundTheSmallestNumbersToZeroWithTheirSign) {
  EXPECT_EQ(GetParam().narrow(0.0F), 0);
  EXPECT_EQ(GetParam().narrow(-0.0F), 0x8000);
  EXPECT_EQ(GetParam().narrow(f32(1)), 0);
  EXPECT_EQ(GetParam().narrow(f32(0x80000001U)), 0x8000);
}

INSTANTIATE_TEST_SUITE_P(
    Formats, HalfFormats,
    testing::Values(Format{"Bf16", Dtype::kBF16, 8, 7, bf16_from_float, float_from_bf16},
                    Format{"F16", Dtype::kF16, 5, 10, f16_from_float, float_from_f16}),
    [](const auto& info) { return info.param.name; });

TEST(Convert, ChangesBuffersThatAreNotAligned) {
  const std::array<float, 3> values = {1.0F, -2.5F, 65504.0F};
  std::vector<std::byte> from(1 + sizeof values);
  std::memcpy(from.data() + 1, values.data(), sizeof values);
  std::vector<std::byte> half(1 + 6);
  std::vector<std::byte> bf16(1 + 6);
  std::vector<std::byte> back(1 + sizeof values);
  const auto tail = [](std::vector<std::byte>& bytes) { return std::span(bytes).subspan(1); };
  convert(tail(from), Dtype::kF32, tail(half), Dtype::kF16);
  convert(tail(half), Dtype::kF16, tail(back), Dtype::kF32);
  EXPECT_EQ(back, from);
  convert(tail(half), Dtype::kF16, tail(bf16), Dtype::kBF16);
  convert(tail(bf16), Dtype::kBF16, tail(back), Dtype::kF32);
  float last;
  std::memcpy(&last, back.data() + 9, sizeof last);
  EXPECT_EQ(last, 65536.0F);
  convert(tail(bf16), Dtype::kBF16, tail(half), Dtype::kF16);
  convert(tail(half), Dtype::kF16, tail(back), Dtype::kF32);
  std::memcpy(&last, back.data() + 9, sizeof last);
  EXPECT_EQ(bits_of(last), bits_of(INFINITY));
}

TEST(Convert, RefusesBuffersOfDifferentLengths) {
  std::vector<std::byte> from(8);
  std::vector<std::byte> to(6);
  EXPECT_THROW(convert(from, Dtype::kF32, to, Dtype::kBF16), Error);
}

TEST(DtypeNames, GoThereAndBack) {
  for (const char* name :
       {"BOOL", "F4", "U8", "F8_E4M3", "BF16", "F16", "F32", "F64", "I32", "I64"})
    EXPECT_EQ(dtype_name(*dtype_from_name(name)), name);
  EXPECT_EQ(dtype_from_name("bf16"), std::nullopt);
  EXPECT_EQ(dtype_from_name(""), std::nullopt);
  EXPECT_EQ(dtype_bits(Dtype::kF4), 4U);
  EXPECT_EQ(dtype_bits(Dtype::kI64), 64U);
}

}  // namespace
}  // namespace polaris
