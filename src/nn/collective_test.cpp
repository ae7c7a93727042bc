#include "nn/collective.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <gtest/gtest.h>

#include <functional>
#include <thread>

#include "base/error.h"
#include "nn/fake_collective.h"

namespace polaris {
namespace {

/// Runs `body` on one thread per rank.
void on_ranks(FakeRendezvous& rendezvous, const std::function<void(Collective&)>& body) {
  std::vector<std::thread> threads;
  for (int rank = 0; rank < rendezvous.size(); ++rank) {
    threads.emplace_back([&rendezvous, &body, rank] {
      FakeCollective collective(rendezvous, rank);
      body(collective);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(Collective, OneProcessGathersItself) {
  SingleProcess alone;
  EXPECT_EQ(alone.all_gather("x"), std::vector<std::string>{"x"});
  std::vector<double> values = {1.5};
  alone.all_reduce_sum(values);
  EXPECT_EQ(values[0], 1.5);
}

TEST(Collective, EveryRankSeesAllPartsInOrderRoundAfterRound) {
  FakeRendezvous rendezvous(3, 10);
  on_ranks(rendezvous, [](Collective& collective) {
    for (int round = 0; round < 200; ++round) {
      const auto parts = collective.all_gather(fmt::format("{}.{}", collective.rank(), round));
      for (int rank = 0; rank < 3; ++rank)
        ASSERT_EQ(parts[static_cast<std::size_t>(rank)], fmt::format("{}.{}", rank, round));
    }
  });
}

TEST(Collective, SumsAreAddedInTheOrderOfRanks) {
  FakeRendezvous rendezvous(3, 10);
  on_ranks(rendezvous, [](Collective& collective) {
    const std::vector<double> per_rank = {1e16, 1.0, -1e16};
    std::vector<double> values = {per_rank[static_cast<std::size_t>(collective.rank())]};
    collective.all_reduce_sum(values);
    EXPECT_EQ(values[0], (1e16 + 1.0) + -1e16);
  });
}

TEST(Collective, TensorsTravelFromRankToRank) {
  FakeRendezvous rendezvous(3, 10);
  on_ranks(rendezvous, [](Collective& collective) {
    const int rank = collective.rank();
    const at::Tensor shared = at::full({5}, rank, at::kBFloat16);
    collective.broadcast(shared, 2);
    EXPECT_TRUE(at::equal(shared, at::full({5}, 2, at::kBFloat16)));
    // Element [to, 0] of what rank r sends is 10 r + to.
    const at::Tensor send = at::arange(3, at::kFloat).add(10 * rank).view({3, 1});
    const at::Tensor receive = at::empty({3, 1});
    collective.all_to_all(send, receive);
    EXPECT_TRUE(at::equal(receive, at::arange(3, at::kFloat).mul(10).add(rank).view({3, 1})));
  });
}

TEST(Collective, ADeadRankIsAnErrorOnAllOthers) {
  FakeRendezvous rendezvous(3, 10);
  std::atomic<int> errors = 0;
  on_ranks(rendezvous, [&](Collective& collective) {
    if (collective.rank() == 1) return rendezvous.leave(1);
    try {
      collective.barrier();
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ErrorCode::kUnavailable);
      ++errors;
    }
  });
  EXPECT_EQ(errors, 2);
}

TEST(Collective, ASilentRankIsAnErrorAfterTheTimeout) {
  FakeRendezvous rendezvous(2, 0.01);
  FakeCollective collective(rendezvous, 0);
  EXPECT_THROW(collective.barrier(), Error);
}

}  // namespace
}  // namespace polaris
