#include "nn/internal/fused.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/ones.h>
#include <c10/core/GradMode.h>
#include <gtest/gtest.h>

#include <memory>

namespace polaris::nn {
namespace {

/// y = 2 x, whose backward holds `held`.
at::Tensor twice(const at::Tensor& x, const std::shared_ptr<int>& held) {
  return record({x}, {x.detach() * 2}, [held](const Tensors& dy) -> Tensors {
    *held += 1;
    return {dy[0] * 2};
  })[0];
}

TEST(Record, RunsBackwardOnceAndDropsWhatItHolds) {
  const auto held = std::make_shared<int>(0);
  const at::Tensor x = at::ones({3}).requires_grad_();
  const at::Tensor y = twice(x, held);
  EXPECT_TRUE(y.requires_grad());
  EXPECT_EQ(held.use_count(), 2);
  y.sum().backward();
  EXPECT_EQ(*held, 1);
  EXPECT_EQ(held.use_count(), 1);  // though y still has its graph
  EXPECT_EQ(x.grad().sum().item<float>(), 6.0F);
  EXPECT_ANY_THROW(y.sum().backward());
}

TEST(Record, HoldsNothingWhereNoGradientIsWanted) {
  const auto held = std::make_shared<int>(0);
  const at::Tensor plain = twice(at::ones({3}), held);
  EXPECT_FALSE(plain.requires_grad());
  EXPECT_EQ(held.use_count(), 1);
  const c10::NoGradGuard no_graph;
  EXPECT_FALSE(twice(at::ones({3}).requires_grad_(), held).requires_grad());
  EXPECT_EQ(held.use_count(), 1);
}

TEST(Record, ForgetsWithTheResultsThatWereNotUsed) {
  const auto held = std::make_shared<int>(0);
  { const at::Tensor y = twice(at::ones({3}).requires_grad_(), held); }
  EXPECT_EQ(held.use_count(), 1);
}

TEST(Record, GivesContiguousGradientsAndZerosForUnusedResults) {
  const at::Tensor x = at::ones({2, 3}).requires_grad_();
  const Tensors parts =
      record({x}, {x.detach() * 2, x.detach() * 3}, [](const Tensors& gradients) -> Tensors {
        EXPECT_TRUE(gradients[0].is_contiguous());
        EXPECT_EQ(gradients[1].abs().sum().item<float>(), 0.0F);
        return {gradients[0] * 2};
      });
  parts[0].t().sum().backward();  // an expanded gradient
  EXPECT_EQ(x.grad().sum().item<float>(), 12.0F);
}

}  // namespace
}  // namespace polaris::nn
