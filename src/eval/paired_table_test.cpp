#include "eval/paired_table.h"

#include <fmt/core.h>
#include <gtest/gtest.h>

#include "base/random.h"

namespace polaris {
namespace {

EvalConfig config(std::int64_t resamples = 500) {
  EvalConfig config;
  config.buckets = {600, 800, 1100};
  config.resamples = resamples;
  return config;
}

/// Every seed with every prompt; prompt p asks for 300 + 200 p words.
template <class With>
std::vector<PairedValue> crossed(int seeds, int prompts, With with) {
  std::vector<PairedValue> values;
  for (int s = 0; s < seeds; ++s) {
    for (int p = 0; p < prompts; ++p)
      values.push_back({.seed = static_cast<std::uint64_t>(s + 1),
                        .prompt_id = fmt::format("p{}", p),
                        .target_words = 300 + 200 * p,
                        .with = with(s, p),
                        .without = 1.0});
  }
  return values;
}

TEST(PairedTable, HasARowForAllForEachBucketAndForTheSlope) {
  const auto rows = paired_table(crossed(3, 4, [](int, int p) { return 1.0 + p; }), config());
  ASSERT_EQ(rows.size(), 5U);
  EXPECT_EQ(rows[0].label, "all");
  EXPECT_DOUBLE_EQ(rows[0].difference, 1.5);
  EXPECT_EQ(rows[0].prompts, 4);
  EXPECT_EQ(rows[0].seeds, 3);
  EXPECT_EQ(rows[1].label, "up to 600 words");
  EXPECT_DOUBLE_EQ(rows[1].difference, 0.5);  // prompts of 300 and 500 words
  EXPECT_EQ(rows[1].prompts, 2);
  EXPECT_DOUBLE_EQ(rows[2].difference, 2.0);
  EXPECT_DOUBLE_EQ(rows[3].difference, 3.0);
  EXPECT_EQ(rows[4].label, "slope per bucket");
  EXPECT_NEAR(rows[4].with, 1.25, 1e-12);  // of 1.5, 3, 4
  EXPECT_NEAR(rows[4].without, 0.0, 1e-12);
}

TEST(PairedTable, ADifferenceThatIsTheSameEverywhereIsCertain) {
  const auto rows = paired_table(crossed(2, 3, [](int, int) { return 1.25; }), config());
  ASSERT_TRUE(rows[0].interval);
  EXPECT_DOUBLE_EQ(rows[0].interval->low, 0.25);
  EXPECT_DOUBLE_EQ(rows[0].interval->high, 0.25);
}

TEST(PairedTable, SeedsThatDisagreeWidenTheIntervalAsPromptsDo) {
  const auto by_seed =
      paired_table(crossed(6, 6, [](int s, int) -> double { return s; }), config());
  const auto by_prompt =
      paired_table(crossed(6, 6, [](int, int p) -> double { return p; }), config());
  for (const auto& rows : {by_seed, by_prompt}) {
    EXPECT_LT(rows[0].interval->low, rows[0].difference - 0.5);
    EXPECT_GT(rows[0].interval->high, rows[0].difference + 0.5);
  }
}

/// The share of 200 made-up experiments whose interval holds the true difference, 0.
TEST(PairedTable, TheIntervalMostlyHoldsTheTruth) {
  int held = 0;
  for (std::uint32_t experiment = 0; experiment < 200; ++experiment) {
    RandomStream random({.seed = 7, .sample = experiment});
    const auto noise = [&] { return random.uniform() + random.uniform() - 1.0; };
    std::vector<double> of_seed(8), of_prompt(20);
    for (double& value : of_seed) value = noise();
    for (double& value : of_prompt) value = noise();
    const auto values = crossed(8, 20, [&](int s, int p) {
      return 1.0 + of_seed[static_cast<std::size_t>(s)] + of_prompt[static_cast<std::size_t>(p)] +
             noise();
    });
    held += paired_table(values, config(200))[0].interval->contains(0.0) ? 1 : 0;
  }
  EXPECT_GE(held, 170);  // 95 % would be 190; eight seeds are few
  EXPECT_LE(held, 199);
}

TEST(PairedTable, OneSeedOrOnePromptHasNoInterval) {
  EXPECT_FALSE(paired_table(crossed(1, 5, [](int, int) { return 2.0; }), config())[0].interval);
  EXPECT_FALSE(paired_table(crossed(5, 1, [](int, int) { return 2.0; }), config())[0].interval);
  EXPECT_TRUE(paired_table({}, config()).empty());
}

}  // namespace
}  // namespace polaris
