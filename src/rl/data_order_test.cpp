#include "rl/data_order.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "base/error.h"

namespace polaris {
namespace {

// specs/recipe.md 2: n = 1388, seed 3479.
TEST(ShuffledOrder, MatchesThePublishedPermutation) {
  const auto order = shuffled_order(1388, 3479);
  const std::vector<std::size_t> first = {191,  1226, 373,  483,  790,  1091, 1155, 353,
                                          1133, 565,  1210, 1141, 1064, 795,  245,  719};
  const std::vector<std::size_t> last = {596, 210, 521, 1232};
  EXPECT_TRUE(std::equal(first.begin(), first.end(), order.begin()));
  EXPECT_TRUE(std::equal(last.begin(), last.end(), order.end() - 4));
  EXPECT_EQ(std::set<std::size_t>(order.begin(), order.end()).size(), 1388U);
}

TEST(DataOrder, AnEpochHasTheFloorOfTheStepsAndDropsTheRest) {
  const DataOrder order{.records = 1388};
  EXPECT_EQ(order.steps_per_epoch(), 173);
  EXPECT_EQ(order.records_of(1),
            (std::vector<std::size_t>{191, 1226, 373, 483, 790, 1091, 1155, 353}));
  EXPECT_EQ(order.epoch_of(173), 0);
  EXPECT_EQ(order.epoch_of(174), 1);
}

TEST(DataOrder, LaterEpochsUseTheNextSeed) {
  const DataOrder order{.records = 20, .per_step = 6, .seed = 5};
  const auto second = shuffled_order(20, 6);
  EXPECT_EQ(order.records_of(4), std::vector<std::size_t>(second.begin(), second.begin() + 6));
}

TEST(DataOrder, ShortLastStepIsKeptOnRequest) {
  const DataOrder order{.records = 20, .per_step = 6, .drop_last = false};
  EXPECT_EQ(order.steps_per_epoch(), 4);
  EXPECT_EQ(order.records_of(4).size(), 2U);
  std::set<std::size_t> seen;
  for (std::int64_t step = 1; step <= 4; ++step)
    for (const std::size_t record : order.records_of(step)) seen.insert(record);
  EXPECT_EQ(seen.size(), 20U);
}

TEST(DataOrder, TooFewRecordsForAStepIsTheUsersError) {
  try {
    (void)DataOrder{.records = 5}.steps_per_epoch();
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kInvalidData);
    EXPECT_NE(std::string(e.what()).find("data.prompts_per_step"), std::string::npos);
  }
}

}  // namespace
}  // namespace polaris
