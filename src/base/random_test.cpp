#include "base/random.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <numeric>
#include <set>
#include <vector>

#include "base/error.h"

namespace polaris {
namespace {

using Words = std::array<std::uint32_t, 4>;

// Random123, kat_vectors: "philox4x32 10".
TEST(Philox, ReproducesThePublishedVectors) {
  EXPECT_EQ(philox({0, 0, 0, 0}, {0, 0}), (Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}),
            (Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

// The 64-bit values are published with FNV: cbf29ce484222325, af63dc4c8601ec8c, 85944171f73967e8.
TEST(IdHash, IsTheFoldedFnv1a) {
  EXPECT_EQ(id_hash(""), 0xcbf29ce4U ^ 0x84222325U);
  EXPECT_EQ(id_hash("a"), 0xaf63dc4cU ^ 0x8601ec8cU);
  EXPECT_EQ(id_hash("foobar"), 0x85944171U ^ 0xf73967e8U);
}

TEST(StreamId, PutsItsPartsIntoKeyAndCounter) {
  const StreamId id = {.seed = 0x299f31d0a4093822,
                       .prompt_hash = 0x243f6a88,
                       .step = 0x85a308d3,
                       .sample = 0x037073,
                       .purpose = static_cast<RandomPurpose>(0x44)};
  EXPECT_EQ(id.draw(0x13198a2e), (Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
  EXPECT_EQ(StreamId{}.draw(0), (Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
}

TEST(StreamId, EveryPartMakesAnotherStream) {
  const StreamId base = {.seed = 1, .prompt_hash = 2, .step = 3, .sample = 4};
  std::vector<StreamId> ids(7, base);
  ids[1].seed = 2;
  ids[2].seed = (std::uint64_t{1} << 32) + 1;
  ids[3].prompt_hash = 3;
  ids[4].step = 4;
  ids[5].sample = 5;
  ids[6].purpose = RandomPurpose::kData;
  std::set<Words> different;
  for (const StreamId& id : ids)
    for (std::uint32_t position = 0; position < 3; ++position) different.insert(id.draw(position));
  EXPECT_EQ(different.size(), 21U);
}

TEST(StreamId, ASampleNumberOfMoreThan24BitsIsABug) {
  EXPECT_NO_THROW((StreamId{.sample = 0xffffff}.draw(0)));
  EXPECT_THROW((StreamId{.sample = 0x1000000}.draw(0)), Error);
}

TEST(RandomPurpose, ValuesNeverChange) {
  EXPECT_EQ(static_cast<int>(RandomPurpose::kSampling), 0);
  EXPECT_EQ(static_cast<int>(RandomPurpose::kData), 1);
  EXPECT_EQ(static_cast<int>(RandomPurpose::kInit), 2);
  EXPECT_EQ(static_cast<int>(RandomPurpose::kRetryJitter), 3);
  EXPECT_EQ(static_cast<int>(RandomPurpose::kBootstrap), 4);
  EXPECT_EQ(static_cast<int>(RandomPurpose::kRounding), 5);
}

TEST(Uniform01, UsesThe53HighestBitsAndStaysBelowOne) {
  EXPECT_EQ(uniform01(0, 0), 0.0);
  EXPECT_EQ(uniform01(0x80000000, 0), 0.5);
  EXPECT_EQ(uniform01(0, 0x40), 0x1p-53);
  EXPECT_EQ(uniform01(0, 0x3f), 0.0);
  EXPECT_EQ(uniform01(0xffffffff, 0xffffffff), 1.0 - 0x1p-53);
}

TEST(RandomStream, WalksThePositionsInOrder) {
  const StreamId id = {.seed = 7, .step = 3};
  RandomStream stream(id);
  for (std::uint32_t position = 0; position < 3; ++position)
    for (const std::uint32_t word : id.draw(position)) EXPECT_EQ(stream.next_u32(), word);
}

TEST(RandomStream, ACopyContinuesOnItsOwn) {
  RandomStream stream({.seed = 7});
  stream.normal();
  RandomStream copy = stream;
  EXPECT_EQ(stream.normal(), copy.normal());
  EXPECT_EQ(stream.next_u32(), copy.next_u32());
}

TEST(RandomStream, BelowIsInRangeAndWithoutBias) {
  RandomStream stream({.seed = 1});
  constexpr std::uint32_t kThreeQuarters = 3U << 30;
  // A plain remainder or product would put 1/2 into one third of this range; without bias the
  // thirds are equal. 60,000 draws: standard deviation 115, bound five of them.
  std::array<int, 3> thirds = {};
  for (int i = 0; i < 60'000; ++i) {
    const std::uint32_t value = stream.below(kThreeQuarters);
    ASSERT_LT(value, kThreeQuarters);
    ++thirds[value >> 30];
  }
  for (const int count : thirds) EXPECT_NEAR(count, 20'000, 577);
  std::array<int, 3> residues = {};
  for (int i = 0; i < 60'000; ++i) ++residues[stream.below(kThreeQuarters) % 3];
  for (const int count : residues) EXPECT_NEAR(count, 20'000, 577);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(stream.below(1), 0U);
  EXPECT_LE(stream.below(0xffffffff), 0xfffffffeU);
  EXPECT_THROW(stream.below(0), Error);
}

TEST(RandomStream, UniformAndNormalHaveTheirMoments) {
  RandomStream stream({.seed = 42, .purpose = RandomPurpose::kInit});
  constexpr int kCount = 100'000;  // bounds: five standard errors
  double uniform = 0, mean = 0, square = 0, fourth = 0, product = 0, previous = 0;
  for (int i = 0; i < kCount; ++i) {
    uniform += stream.uniform() / kCount;
    const double x = stream.normal();
    mean += x / kCount;
    square += x * x / kCount;
    fourth += x * x * x * x / kCount;
    product += x * previous / kCount;
    previous = x;
  }
  EXPECT_NEAR(uniform, 0.5, 5 * 0.2887 / std::sqrt(kCount));
  EXPECT_NEAR(mean, 0.0, 5 / std::sqrt(kCount));
  EXPECT_NEAR(square, 1.0, 5 * std::sqrt(2.0 / kCount));
  EXPECT_NEAR(fourth, 3.0, 5 * std::sqrt(96.0 / kCount));
  EXPECT_NEAR(product, 0.0, 5 / std::sqrt(kCount)) << "neighbours must not depend on each other";
}

TEST(RandomStream, AllOrdersOfAShuffleAreEquallyLikely) {
  RandomStream stream({.seed = 5, .purpose = RandomPurpose::kData});
  std::map<std::vector<int>, int> counts;
  for (int i = 0; i < 24'000; ++i) {
    std::vector<int> items = {0, 1, 2, 3};
    stream.shuffle(std::span(items));
    ++counts[items];
  }
  EXPECT_EQ(counts.size(), 24U);
  for (const auto& [order, count] : counts) EXPECT_NEAR(count, 1000, 5 * 31);
}

TEST(RandomStream, ShufflesNothingAndOneItem) {
  RandomStream stream({.seed = 5});
  std::vector<int> none, one = {1};
  stream.shuffle(std::span(none));
  stream.shuffle(std::span(one));
  EXPECT_EQ(one, std::vector{1});
}

}  // namespace
}  // namespace polaris
