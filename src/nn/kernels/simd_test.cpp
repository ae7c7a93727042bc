#include "nn/kernels/simd.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <vector>

#include "nn/kernels/isa.h"
#include "nn/kernels/row_sums.h"
#include "weights/float_formats.h"

namespace polaris::kernels {
namespace {

using Map = void (*)(const float* x, float* y, std::int64_t count);

void exp_portable(const float* x, float* y, std::int64_t count) {
#pragma omp simd
  for (std::int64_t i = 0; i < count; ++i) y[i] = exp(x[i]);
}
#if defined(__x86_64__)
__attribute__((target("avx2,fma"))) void exp_avx2(const float* x, float* y, std::int64_t count) {
#pragma omp simd
  for (std::int64_t i = 0; i < count; ++i) y[i] = exp(x[i]);
}
__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,fma"))) void exp_avx512(
    const float* x, float* y, std::int64_t count) {
#pragma omp simd
  for (std::int64_t i = 0; i < count; ++i) y[i] = exp(x[i]);
}
#endif

/// The copies that this machine can run.
std::vector<Map> copies_of_exp() {
  std::vector<Map> copies = {exp_portable};
#if defined(__x86_64__)
  if (machine_isa() >= Isa::kAvx2) copies.push_back(exp_avx2);
  if (machine_isa() >= Isa::kAvx512) copies.push_back(exp_avx512);
#endif
  return copies;
}

TEST(SimdExp, IsWithinOneTenMillionthForEveryInstructionSet) {
  std::vector<float> x;
  for (std::uint32_t bits = 0; bits < 0xff800000U; bits += 1021) {
    const auto value = std::bit_cast<float>(bits);
    if (value >= -87.0F && value <= 88.0F) x.push_back(value);
  }
  ASSERT_GT(x.size(), 1'000'000U);
  std::vector<float> y(x.size());
  for (const Map copy : copies_of_exp()) {
    copy(x.data(), y.data(), static_cast<std::int64_t>(x.size()));
    double worst = 0.0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double expected = std::exp(double{x[i]});
      worst = std::max(worst, std::abs(y[i] - expected) / expected);
    }
    EXPECT_LT(worst, 1e-7);
  }
}

TEST(SimdExp, StopsAtItsEndsAndKeepsNotANumber) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const std::vector<float> x = {-kInfinity, -1e30F, -88.0F, 89.0F, 1e30F, kInfinity, NAN, 0.0F};
  std::vector<float> y(x.size());
  for (const Map copy : copies_of_exp()) {
    copy(x.data(), y.data(), static_cast<std::int64_t>(x.size()));
    for (int i = 0; i < 3; ++i) EXPECT_FLOAT_EQ(y[i], 1.6458115e-38F);
    for (int i = 3; i < 6; ++i) EXPECT_FLOAT_EQ(y[i], 1.6516363e38F);
    EXPECT_TRUE(std::isnan(y[6]));
    EXPECT_EQ(y[7], 1.0F);
  }
}

TEST(SimdSilu, AndItsSlopeAreThoseOfTheFormulas) {
  for (double x = -30.0; x <= 30.0; x += 0.01) {
    const double s = 1.0 / (1.0 + std::exp(-x));
    EXPECT_NEAR(sigmoid(static_cast<float>(x)), s, 2e-7);
    EXPECT_NEAR(silu(static_cast<float>(x)), x * s, 2e-7 * (1.0 + std::abs(x)));
    EXPECT_NEAR(silu_slope(static_cast<float>(x)), s * (1.0 + x * (1.0 - s)), 2e-6);
  }
  EXPECT_EQ(silu(1e30F), 1e30F);
  EXPECT_NEAR(silu(-1e30F), 0.0F, 1e-7F);
  EXPECT_TRUE(std::isnan(silu(NAN)));
}

TEST(SimdBf16, RoundsAsTheWeightsDo) {
  for (std::uint32_t bits = 0; bits < 0x7f800000U; bits += 997) {
    for (const std::uint32_t sign : {0U, 0x80000000U}) {
      const auto value = std::bit_cast<float>(bits | sign);
      Bf16 stored;
      store(stored, value);
      ASSERT_EQ(stored.bits, bf16_from_float(value)) << value;
      ASSERT_EQ(load(stored), float_from_bf16(stored.bits));
    }
  }
  EXPECT_EQ(rounded<Bf16>(1.00390625F), 1.0F);       // a tie, to even
  EXPECT_EQ(rounded<Bf16>(1.01171875F), 1.015625F);  // a tie, to even
  EXPECT_EQ(rounded<Bf16>(std::numeric_limits<float>::infinity()),
            std::numeric_limits<float>::infinity());
  EXPECT_TRUE(std::isnan(rounded<Bf16>(NAN)));
  EXPECT_TRUE(std::isnan(rounded<Bf16>(-NAN)));
}

TEST(LaneSum, AddsEveryElementOnceWhateverTheCount) {
  for (std::int64_t count : {0, 1, 15, 16, 17, 40, 64, 65}) {
    LaneSum sum;
    for_lanes(count, [&](std::int64_t i, int lane) {
      ASSERT_EQ(lane, i % kLanes);
      sum.lanes[lane] += static_cast<float>(i + 1);
    });
    EXPECT_EQ(total(sum), static_cast<float>(count * (count + 1)) / 2);
  }
}

TEST(IsaLimit, LastsAsLongAsItLives) {
  const Isa widest = machine_isa();
  {
    const IsaLimit limit(Isa::kPortable);
    EXPECT_EQ(machine_isa(), Isa::kPortable);
  }
  EXPECT_EQ(machine_isa(), widest);
}

}  // namespace
}  // namespace polaris::kernels
