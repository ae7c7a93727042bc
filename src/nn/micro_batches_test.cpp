#include "nn/micro_batches.h"

#include <gtest/gtest.h>

#include <set>

namespace polaris {
namespace {

using Batches = std::vector<std::vector<std::size_t>>;

TEST(MicroBatches, LongestFirstIntoTheFirstThatHasRoom) {
  const std::vector<std::int64_t> tokens = {30, 70, 50, 20, 60};
  EXPECT_EQ(make_micro_batches(tokens, 100), (Batches{{1, 0}, {4, 3}, {2}}));
}

TEST(MicroBatches, ASequenceBeyondTheBudgetIsAlone) {
  const std::vector<std::int64_t> tokens = {10, 500, 10};
  EXPECT_EQ(make_micro_batches(tokens, 100), (Batches{{1}, {0, 2}}));
  EXPECT_TRUE(make_micro_batches({}, 100).empty());
}

TEST(MicroBatches, EveryBudgetKeepsEverySequenceOnce) {
  std::vector<std::int64_t> tokens;
  for (std::int64_t i = 0; i < 100; ++i) tokens.push_back(1 + i * 37 % 91);
  for (const std::int64_t budget : {1, 40, 91, 1000, 100000}) {
    std::multiset<std::size_t> seen;
    for (const auto& batch : make_micro_batches(tokens, budget)) {
      std::int64_t sum = 0;
      for (const std::size_t i : batch) sum += tokens[i];
      EXPECT_TRUE(sum <= budget || batch.size() == 1) << budget;
      seen.insert(batch.begin(), batch.end());
    }
    EXPECT_EQ(seen.size(), tokens.size());
    EXPECT_EQ(std::set<std::size_t>(seen.begin(), seen.end()).size(), tokens.size());
  }
}

}  // namespace
}  // namespace polaris
