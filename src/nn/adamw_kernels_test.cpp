#include "nn/kernels/adamw_kernels.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <vector>

#include "base/random.h"
#include "nn/kernels/moment_map.h"
#include "nn/kernels/split_float.h"

namespace polaris::kernels {
namespace {

constexpr Isa kIsas[] = {Isa::kPortable, Isa::kAvx2, Isa::kAvx512};

TEST(AdamWKernels, RandomBitsAreThoseOfTheRepositorysStreams) {
  const RoundingStream stream = {.seed = 0x123456789ABCDEF0, .step = 7, .purpose = 5};
  const std::int64_t first = (std::int64_t{1} << 35) - 200;  // 8 parameters to a block of 2^32
  for (const Isa isa : kIsas) {
    const IsaLimit limit(isa);
    const AdamWKernels table = adamw_kernels();
    std::vector<std::uint16_t> bits(400);
    table.rounding_bits(stream, first, 400, bits.data());
    for (std::int64_t i = 0; i < 400; ++i) {
      const std::int64_t t = (first + i) / 128, r = (first + i) % 128;
      const std::uint64_t block = 16 * t + r % 16;
      const StreamId id = {.seed = stream.seed,
                           .prompt_hash = static_cast<std::uint32_t>(block >> 32),
                           .step = stream.step,
                           .purpose = RandomPurpose::kRounding};
      const std::uint32_t word = id.draw(static_cast<std::uint32_t>(block))[r / 16 % 4];
      ASSERT_EQ(bits[i], r >= 64 ? word >> 16 : word & 0xffff) << i;
    }
  }
}

template <class Map>
void check_map(std::int32_t codes) {
  EXPECT_EQ(magnitude_of<Map>(0), 0);
  EXPECT_EQ(magnitude_of<Map>(codes - 1), 1);
  EXPECT_EQ(magnitude_of<Map>(codes / 2 - 1), 0.125F);
  EXPECT_LT(magnitude_of<Map>(1), 1e-5);
  for (std::int32_t code = 1; code < codes; ++code) {
    const float below = magnitude_of<Map>(code - 1), value = magnitude_of<Map>(code);
    ASSERT_GT(value, below);
    const float middle = 0.5F * (below + value), little = 0.01F * (value - below);
    for (const float x : {middle + little, value}) EXPECT_EQ(code_of<Map>(x, 0.5F), code) << x;
    for (const float x : {below, middle - little}) EXPECT_EQ(code_of<Map>(x, 0.5F), code - 1) << x;
  }
  EXPECT_EQ(code_of<Map>(1.00001F, 0x0.ffffp0F), codes - 1) << "as scaling may round it";
  EXPECT_EQ(code_of<Map>(0.0F, 0x0.ffffp0F), 0);
}

TEST(MomentMap, GivesEveryMagnitudeTheNearestCode) {
  check_map<FirstMomentMap>(128);
  check_map<SecondMomentMap>(256);
}

/// Arrays for steps of every kind, all from the same weights.
struct Parameters {
  std::vector<float> gradient, weight, m32, v32;
  std::vector<Bf16> upper, m16, v16;
  std::vector<std::int16_t> lower;
  std::vector<std::int8_t> m8;
  std::vector<std::uint8_t> root8;
  std::vector<float> m_scale, root_scale;

  explicit Parameters(std::int64_t n)
      : gradient(n),
        weight(n),
        m32(n),
        v32(n),
        upper(n),
        m16(n),
        v16(n),
        lower(n),
        m8(n),
        root8(n),
        m_scale((n + kMomentBlock - 1) / kMomentBlock),
        root_scale(m_scale.size()) {
    RandomStream random(StreamId{.seed = 3});
    for (std::int64_t i = 0; i < n; ++i) {
      gradient[i] = static_cast<float>(random.normal() * std::exp(2 * random.normal()) * 1e-3);
      weight[i] = static_cast<float>(0.02 * random.normal());
      const SplitFloat parts = split(weight[i]);
      upper[i].bits = parts.upper;
      lower[i] = parts.lower;
    }
  }

  template <class T>
  static bool equal(const std::vector<T>& a, const std::vector<T>& b) {
    return std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0;
  }
  bool operator==(const Parameters& o) const {
    return equal(weight, o.weight) && equal(m32, o.m32) && equal(v32, o.v32) &&
           equal(upper, o.upper) && equal(lower, o.lower) && equal(m16, o.m16) &&
           equal(v16, o.v16) && equal(m8, o.m8) && equal(root8, o.root8) &&
           equal(m_scale, o.m_scale) && equal(root_scale, o.root_scale);
  }
};

TEST(AdamWKernels, InstructionSetsGiveTheSameBits) {
  constexpr std::int64_t kCount = 1003;
  const AdamWConstants constants = {.gradient_scale = 0.3F,
                                    .decay = 1e-5F,
                                    .step_size = 1e-3F,
                                    .one_minus_beta1 = 0.1F,
                                    .beta2 = 0.999F,
                                    .one_minus_beta2 = 0.001F,
                                    .inverse_root_bias2 = 3.3F,
                                    .eps = 1e-8F,
                                    .rounding = {.seed = 1, .step = 1, .purpose = 5}};
  std::vector<Parameters> results;
  for (const Isa isa : kIsas) {
    const IsaLimit limit(isa);
    const AdamWKernels table = adamw_kernels();
    Parameters p(kCount);
    for (int step = 0; step < 10; ++step) {
      table.update({.first = 5,
                    .count = kCount,
                    .gradient = p.gradient.data(),
                    .weight = p.weight.data(),
                    .m32 = p.m32.data(),
                    .v32 = p.v32.data()},
                   constants);
      table.update({.first = 5,
                    .count = kCount,
                    .gradient = p.gradient.data(),
                    .upper = p.upper.data(),
                    .lower = p.lower.data(),
                    .m16 = p.m16.data(),
                    .v16 = p.v16.data()},
                   constants);
      table.update({.first = 5,
                    .count = kCount,
                    .gradient = p.gradient.data(),
                    .upper = p.upper.data(),
                    .lower = p.lower.data(),
                    .m8 = p.m8.data(),
                    .root8 = p.root8.data(),
                    .m_scale = p.m_scale.data(),
                    .root_scale = p.root_scale.data()},
                   constants);
    }
    results.push_back(p);
  }
  EXPECT_FALSE(results[0] == Parameters(kCount));
  for (const Parameters& result : results) EXPECT_TRUE(result == results[0]);
}

TEST(AdamWKernels, SumsOfSquaresAreExactForLargeAndSmallAlikeAndTheSameEverywhere) {
  std::vector<float> x(1001);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = std::sin(static_cast<float>(i)) * 1e30F;
  double expected = 0;
  for (const float value : x) expected += double{value} * value;
  const double first = adamw_kernels().sum_of_squares(x.data(), 1001);
  EXPECT_NEAR(first / expected, 1, 1e-13);
  for (const Isa isa : kIsas) {
    const IsaLimit limit(isa);
    const AdamWKernels table = adamw_kernels();
    EXPECT_EQ(table.sum_of_squares(x.data(), 1001), first);
    std::vector<double> wide(x.begin(), x.end());
    EXPECT_EQ(table.sum_of_squares_double(wide.data(), 1001), first);
  }
}

}  // namespace
}  // namespace polaris::kernels
