#include "nn/internal/delta_plan.h"

#include <ATen/ops/arange.h>
#include <gtest/gtest.h>

#include <vector>

#include "base/error.h"

namespace polaris::nn {
namespace {

std::vector<std::int64_t> values(const at::Tensor& x) {
  return {x.const_data_ptr<std::int64_t>(), x.const_data_ptr<std::int64_t>() + x.numel()};
}

// Packed rows: 0-4, 5-68, 69, 70-139.
DeltaPlan plan_of_four() {
  return DeltaPlan(PackedSequences(std::vector<std::int64_t>{5, 64, 1, 70}), at::kCPU, 32);
}

TEST(DeltaPlan, PutsTheLongestSequencesFirst) {
  EXPECT_EQ(values(plan_of_four().order()), (std::vector<std::int64_t>{3, 1, 0, 2}));
  EXPECT_EQ(values(plan_of_four().rank()), (std::vector<std::int64_t>{2, 1, 3, 0}));
}

TEST(DeltaPlan, NumbersChunksByStep) {
  const DeltaPlan plan = plan_of_four();
  ASSERT_EQ(plan.steps(), 3);
  EXPECT_EQ(plan.chunk_count(), 7);
  EXPECT_EQ(plan.first_chunk(0), 0);
  EXPECT_EQ(plan.active(0), 4);
  EXPECT_EQ(plan.first_chunk(1), 4);
  EXPECT_EQ(plan.active(1), 2);
  EXPECT_EQ(plan.first_chunk(2), 6);
  EXPECT_EQ(plan.active(2), 1);
}

TEST(DeltaPlan, FillsChunksInOrderAndMarksEmptyPlaces) {
  const DeltaPlan plan = plan_of_four();
  const std::vector<std::int64_t> rows = values(plan.rows());
  ASSERT_EQ(rows.size(), 7 * 32U);
  const auto expect_chunk = [&](std::size_t chunk, std::int64_t first, std::int64_t count) {
    for (std::int64_t i = 0; i < 32; ++i)
      EXPECT_EQ(rows[chunk * 32 + static_cast<std::size_t>(i)], i < count ? first + i : 140)
          << "chunk " << chunk << ", place " << i;
  };
  expect_chunk(0, 70, 32);
  expect_chunk(1, 5, 32);
  expect_chunk(2, 0, 5);
  expect_chunk(3, 69, 1);
  expect_chunk(4, 102, 32);
  expect_chunk(5, 37, 32);
  expect_chunk(6, 134, 6);
}

TEST(DeltaPlan, EveryRowHasItsPlace) {
  const DeltaPlan plan = plan_of_four();
  EXPECT_TRUE(plan.rows().index_select(0, plan.places()).equal(at::arange(140)));
}

TEST(DeltaPlan, OfAnotherChunkLengthIsABug) {
  const PackedSequences sequences(std::vector<std::int64_t>{5});
  for (const std::int64_t length : {0, 8, 24, 144})
    EXPECT_THROW(DeltaPlan(sequences, at::kCPU, length), Error) << length;
}

}  // namespace
}  // namespace polaris::nn
