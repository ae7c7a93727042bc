#include "rl/loss.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

#include "rl/surrogate.h"

namespace polaris {
namespace {

Row row_of(std::size_t prompt, std::size_t response, double advantage = 1.0) {
  return {.prompt_tokens = std::vector<TokenId>(prompt, 1),
          .response_tokens = std::vector<TokenId>(response, 2),
          .advantage = advantage};
}

/// The batch's loss when every ratio is 1, so that each token's loss is -A.
double on_policy_loss(const Batch& batch) {
  double sum = 0.0;
  for (const Row& row : batch.rows)
    sum += row.coefficient * static_cast<double>(row.response_tokens.size()) *
           surrogate(-1.0, -1.0, row.advantage, {}).loss;
  return batch.step_scale * sum;
}

Batch example() {
  return {.rows = {row_of(5, 1, 1), row_of(5, 3, 1), row_of(5, 4, -1), row_of(5, 8, -1)}};
}

// specs/recipe.md 8: four rows, paired (1, 3) and (4, 8).
TEST(Normalise, TokenMeanMatchesThePublishedExample) {
  Batch batch = example();
  normalise(batch, Normaliser::kTokenMean);
  EXPECT_NEAR(on_policy_loss(batch), 0.5, 1e-12);
}

TEST(Normalise, PairMeanOfThePublishedPairsIsZero) {
  // The example's four rows are the share of one device: it alone decides who meets whom.
  Batch batch = example();
  batch.rows[0].coefficient = batch.rows[1].coefficient = 1.0 / 4;
  batch.rows[2].coefficient = batch.rows[3].coefficient = 1.0 / 12;
  batch.step_scale = 1.0 / 2;
  EXPECT_NEAR(on_policy_loss(batch), 0.0, 1e-12);
}

TEST(PairRows, FortyEightRowsGiveTwentyFourPairsOfSimilarLength) {
  std::mt19937 random(3);
  std::lognormal_distribution<double> length(7.5, 0.5);
  Batch batch;
  for (int i = 0; i < 48; ++i)
    batch.rows.push_back(row_of(100, 1 + static_cast<std::size_t>(length(random))));
  const auto pairs = pair_rows(batch.rows);
  ASSERT_EQ(pairs.size(), 24U);
  std::set<std::size_t> seen;
  std::vector<double> relative_gap;
  for (const auto& pair : pairs) {
    ASSERT_EQ(pair.size(), 2U);
    seen.insert(pair.begin(), pair.end());
    const auto a = static_cast<double>(batch.rows[pair[0]].response_tokens.size());
    const auto b = static_cast<double>(batch.rows[pair[1]].response_tokens.size());
    relative_gap.push_back(std::abs(a - b) / std::max(a, b));
  }
  EXPECT_EQ(seen.size(), 48U);
  std::ranges::sort(relative_gap);
  EXPECT_LT(relative_gap[12], 0.35);  // random pairs of this distribution differ by 0.42 in median

  normalise(batch, Normaliser::kPairMean);
  double weight = 0.0;  // a loss of 1 on every token has mean 1 under any normaliser
  for (const Row& row : batch.rows)
    weight += row.coefficient * static_cast<double>(row.response_tokens.size());
  EXPECT_NEAR(batch.step_scale * weight, 1.0, 1e-12);
}

TEST(PairRows, OneDevicesShareIsPairedAsPublished) {
  // 16 rows: the four longest go to different parts, then the next four, so that every part holds
  // one row of each magnitude; sorted, evens up (0, 2), then odds down (3, 1).
  Batch batch;
  for (const std::size_t magnitude : {10, 100, 1000, 5000})
    for (std::size_t i = 0; i < 4; ++i) batch.rows.push_back(row_of(0, magnitude));
  for (const auto& pair : pair_rows(batch.rows)) {
    ASSERT_EQ(pair.size(), 2U);
    const std::multiset<std::size_t> lengths = {batch.rows[pair[0]].response_tokens.size(),
                                                batch.rows[pair[1]].response_tokens.size()};
    EXPECT_TRUE(lengths == (std::multiset<std::size_t>{10, 1000}) ||
                lengths == (std::multiset<std::size_t>{100, 5000}));
  }
}

TEST(PairRows, AnyNumberOfRowsIsPairedOnce) {
  for (std::size_t n = 0; n < 20; ++n) {
    Batch batch;
    for (std::size_t i = 0; i < n; ++i) batch.rows.push_back(row_of(3, 1 + 7 * i % 11));
    std::multiset<std::size_t> seen;
    for (const auto& pair : pair_rows(batch.rows)) seen.insert(pair.begin(), pair.end());
    EXPECT_EQ(seen.size(), n);
    EXPECT_EQ((std::set<std::size_t>(seen.begin(), seen.end()).size()), n);
  }
}

TEST(Normalise, RowsWithoutTokensContributeNothingAndNothingIsNan) {
  for (const auto normaliser : {Normaliser::kTokenMean, Normaliser::kPairMean}) {
    Batch batch{.rows = {row_of(5, 0), row_of(5, 0)}};
    normalise(batch, normaliser);
    EXPECT_EQ(on_policy_loss(batch), 0.0);
    Batch empty;
    normalise(empty, normaliser);
    EXPECT_EQ(empty.step_scale, 0.0);
  }
}

TEST(Normalise, OrderOfRowsDoesNotMatterUnderTokenMean) {
  Batch batch = example();
  normalise(batch, Normaliser::kTokenMean);
  Batch turned = example();
  std::ranges::reverse(turned.rows);
  normalise(turned, Normaliser::kTokenMean);
  EXPECT_DOUBLE_EQ(on_policy_loss(batch), on_policy_loss(turned));
}

}  // namespace
}  // namespace polaris
