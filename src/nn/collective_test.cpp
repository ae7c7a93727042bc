#include "nn/collective.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <gtest/gtest.h>

#include "nn/fake_collective.h"

namespace polaris {
namespace {

TEST(Collective, OneProcessGathersItself) {
  SingleProcess alone;
  EXPECT_EQ(alone.all_gather("x"), std::vector<std::string>{"x"});
  std::vector<double> values = {1.5};
  alone.all_reduce_sum(values);
  EXPECT_EQ(values[0], 1.5);
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

}  // namespace
}  // namespace polaris
