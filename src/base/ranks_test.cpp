#include "base/ranks.h"

#include <gtest/gtest.h>

#include <atomic>
#include <new>

#include "base/fake_ranks.h"

namespace polaris {
namespace {

TEST(Ranks, SharesCoverEverythingOnceInOrder) {
  for (const int size : {1, 2, 3, 5}) {
    for (const std::size_t total : {0U, 1U, 4U, 40U, 41U}) {
      std::size_t end = 0;
      for (int rank = 0; rank < size; ++rank) {
        FakeRendezvous rendezvous(size, 10);
        const Share share = share_of(FakeRanks(rendezvous, rank), total);
        EXPECT_EQ(share.begin, end);
        EXPECT_LE(share.end - share.begin, total / static_cast<std::size_t>(size) + 1);
        end = share.end;
      }
      EXPECT_EQ(end, total);
    }
  }
}

TEST(Ranks, EveryRankSeesAllPartsInOrderRoundAfterRound) {
  FakeRendezvous rendezvous(3, 10);
  on_threads(rendezvous, [&](int own) {
    FakeRanks ranks(rendezvous, own);
    for (int round = 0; round < 200; ++round) {
      const auto parts = ranks.all_gather(fmt::format("{}.{}", ranks.rank(), round));
      for (int rank = 0; rank < 3; ++rank)
        ASSERT_EQ(parts[static_cast<std::size_t>(rank)], fmt::format("{}.{}", rank, round));
    }
  });
}

TEST(Ranks, ADeadRankIsAnErrorOnAllOthers) {
  FakeRendezvous rendezvous(3, 10);
  std::atomic<int> errors = 0;
  on_threads(rendezvous, [&](int own) {
    FakeRanks ranks(rendezvous, own);
    if (ranks.rank() == 1) return rendezvous.leave(1);
    try {
      ranks.barrier();
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ErrorCode::kUnavailable);
      ++errors;
    }
  });
  EXPECT_EQ(errors, 2);
}

TEST(Ranks, ASilentRankIsAnErrorAfterTheTimeout) {
  FakeRendezvous rendezvous(2, 0.01);
  FakeRanks ranks(rendezvous, 0);
  EXPECT_THROW(ranks.barrier(), Error);
}

TEST(Ranks, SumsAreAddedInTheOrderOfRanks) {
  FakeRendezvous rendezvous(3, 10);
  on_threads(rendezvous, [&](int rank) {
    FakeRanks ranks(rendezvous, rank);
    const std::vector<double> per_rank = {1e16, 1.0, -1e16};
    std::vector<double> values = {per_rank[static_cast<std::size_t>(ranks.rank())]};
    ranks.all_reduce_sum(values);
    EXPECT_EQ(values[0], (1e16 + 1.0) + -1e16);
    EXPECT_EQ(ranks.from_first(fmt::format("of {}", ranks.rank())), "of 0");
  });
}

TEST(Ranks, WorkThatFailsOnOneFailsOnAllWithItsError) {
  FakeRendezvous rendezvous(3, 10);
  on_threads(rendezvous, [&](int rank) {
    FakeRanks ranks(rendezvous, rank);
    const auto parts = jointly(ranks, [&] { return fmt::format("{}", ranks.rank()); });
    EXPECT_EQ(parts, (std::vector<std::string>{"0", "1", "2"}));
    const bool is_second = ranks.rank() == 1;
    try {
      jointly(ranks, [&]() -> std::string {
        if (is_second) throw Error(ErrorCode::kBudget, "the budget is spent");
        return "";
      });
      ADD_FAILURE() << "no error on rank " << ranks.rank();
    } catch (const JointError& error) {
      EXPECT_EQ(error.code(), ErrorCode::kBudget);
      EXPECT_STREQ(error.what(), "rank 1: the budget is spent");
    }
    ranks.barrier();  // they still meet
  });
}

TEST(Ranks, OneProcessThrowsItsOwnError) {
  OneRank alone;
  EXPECT_EQ(jointly(alone, [] { return std::string("x"); }), std::vector<std::string>{"x"});
  EXPECT_THROW(jointly(alone, []() -> std::string { throw std::bad_alloc(); }), std::bad_alloc);
}

}  // namespace
}  // namespace polaris
