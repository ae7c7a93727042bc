#include "nn/internal/gradient_norm.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "nn/internal/run_blocks.h"

namespace polaris::nn {
namespace {

class GradientNormOn : public testing::TestWithParam<at::DeviceType> {
 protected:
  void SetUp() override {
    if (GetParam() == at::kCUDA && !at::hasCUDA()) GTEST_SKIP() << "no CUDA device";
  }
};

TEST_P(GradientNormOn, IsTheRootOfAllSquares) {
  at::manual_seed(1);
  const std::vector<at::Tensor> tensors = {
      at::randn({300, 500}).to(GetParam()), at::randn({7}, at::kDouble).to(GetParam()),
      (at::randn({70000}) * 1e30).to(GetParam()), at::zeros({0}).to(GetParam())};
  const GradientNorm result = gradient_norm(tensors);
  ASSERT_EQ(result.sums_of_squares.size(), tensors.size());
  double total = 0;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const double expected = tensors[i].to(at::kDouble).square().sum().item<double>();
    EXPECT_NEAR(result.sums_of_squares[i], expected, 1e-12 * expected) << i;
    total += expected;
  }
  EXPECT_NEAR(result.norm, std::sqrt(total), 1e-12 * std::sqrt(total));
  EXPECT_TRUE(result.not_finite.empty());
}

TEST_P(GradientNormOn, NamesTheTensorsThatAreNotFinite) {
  std::vector<at::Tensor> tensors;
  for (int i = 0; i < 5; ++i) tensors.push_back(at::zeros({1000}).to(GetParam()));
  tensors[1][999].fill_(std::numeric_limits<double>::quiet_NaN());
  tensors[3][0].fill_(-std::numeric_limits<double>::infinity());
  tensors[4].fill_(3e38);  // finite, though its squares are no floats
  const GradientNorm result = gradient_norm(tensors);
  EXPECT_EQ(result.not_finite, (std::vector<std::size_t>{1, 3}));
  EXPECT_FALSE(std::isfinite(result.norm));
}

INSTANTIATE_TEST_SUITE_P(Devices, GradientNormOn, testing::Values(at::kCPU, at::kCUDA),
                         [](const auto& info) {
                           return std::string(info.param == at::kCPU ? "Cpu" : "Cuda");
                         });

TEST_P(GradientNormOn, KernelsForAGpuGiveTheBitsOfTheCpu) {
  at::manual_seed(3);
  const std::vector<at::Tensor> host = {at::randn({300, 500}), at::randn({7}), at::zeros({0}),
                                        at::randn({70001}) * 1e30, at::randn({70001}, at::kDouble)};
  std::vector<at::Tensor> there;
  for (const at::Tensor& x : host) there.push_back(x.to(GetParam()));
  const GradientNorm expected = gradient_norm(host);
  const GpuKernelsOnCpu gpu_kernels;
  const GradientNorm actual = gradient_norm(there);
  EXPECT_EQ(actual.sums_of_squares, expected.sums_of_squares);
  EXPECT_EQ(actual.norm, expected.norm);
}

TEST(GradientNorm, ThreadsDoNotChangeItsBits) {
  at::manual_seed(2);
  const std::vector<at::Tensor> tensors = {at::randn({1 << 20}), at::randn({12345})};
  const int before = at::get_num_threads();
  std::vector<double> norms;
  for (const int threads : {1, 2, 3}) {
    at::set_num_threads(threads);
    norms.push_back(gradient_norm(tensors).norm);
  }
  at::set_num_threads(before);
  EXPECT_EQ(norms[0], norms[1]);
  EXPECT_EQ(norms[0], norms[2]);
}

}  // namespace
}  // namespace polaris::nn
