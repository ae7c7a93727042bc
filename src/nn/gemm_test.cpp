#include "nn/internal/gemm.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

namespace polaris::nn {
namespace {

double relative_error(const at::Tensor& actual, const at::Tensor& expected) {
  const at::Tensor difference = actual.cpu().to(at::kDouble) - expected.cpu().to(at::kDouble);
  return (difference.norm() / expected.cpu().to(at::kDouble).norm()).item<double>();
}

struct Types {
  at::ScalarType operands, result;
  double tolerance;
};

const Types kTypes[] = {{at::kDouble, at::kDouble, 1e-14},
                        {at::kFloat, at::kFloat, 1e-6},
                        {at::kBFloat16, at::kFloat, 1e-6},
                        {at::kBFloat16, at::kBFloat16, 3e-3}};

void expect_products(at::Device device) {
  at::manual_seed(1);
  for (const auto& [operands, result, tolerance] : kTypes) {
    for (const auto& [m, n, k] : {std::tuple{1, 1, 1}, {3, 500, 7}, {700, 40, 130}, {65, 64, 63}}) {
      const at::Tensor a = at::randn({m, k}).to(operands).to(device);
      const at::Tensor b = at::randn({k, n}).to(operands).to(device);
      const at::Tensor expected = at::mm(a.to(at::kDouble), b.to(at::kDouble));
      at::Tensor c = at::zeros({m, n}, a.options().dtype(result));
      gemm_nn(c, a, b);
      EXPECT_LT(relative_error(c, expected), tolerance) << operands << " nn " << m;
      gemm_nt(c, a, b.t().contiguous());
      EXPECT_LT(relative_error(c, expected), tolerance) << operands << " nt " << m;
      gemm_tn(c, a.t().contiguous(), b);
      EXPECT_LT(relative_error(c, expected), tolerance) << operands << " tn " << m;
      if (result == at::kBFloat16) continue;
      gemm_tn(c, a.t().contiguous(), b, /*accumulate=*/true);
      EXPECT_LT(relative_error(c, 2 * expected), tolerance) << operands << " tn + " << m;
    }
  }
}

TEST(Gemm, AgreesWithDoublePrecisionForAllFormsAndTypes) { expect_products(at::kCPU); }

// So products of float32 are not TF32, nor are those of bfloat16 rounded on the way.
TEST(Gemm, AGpuAgreesWithDoublePrecisionForAllFormsAndTypes) {
  if (!at::hasCUDA()) GTEST_SKIP() << "no CUDA device";
  expect_products(at::kCUDA);
}

TEST(Gemm, ReadsAndWritesPartsOfWiderMatrices) {
  at::manual_seed(2);
  for (const auto& [operands, result, tolerance] : kTypes) {
    const at::Tensor a = at::randn({300, 90}).to(operands).narrow(1, 10, 64);
    const at::Tensor b = at::randn({50, 80}).to(operands).narrow(1, 16, 64);
    at::Tensor wide = at::zeros({300, 70}, a.options().dtype(result));
    at::Tensor c = wide.narrow(1, 8, 50);
    gemm_nt(c, a, b);
    EXPECT_LT(relative_error(c, at::mm(a.to(at::kDouble), b.to(at::kDouble).t())), tolerance);
    EXPECT_EQ(wide.narrow(1, 0, 8).abs().max().item<double>(), 0.0);
    EXPECT_EQ(wide.narrow(1, 58, 12).abs().max().item<double>(), 0.0);
  }
}

TEST(Gemm, DoesNotDependOnTheNumberOfThreads) {
  at::manual_seed(3);
  const int before = at::get_num_threads();
  for (const auto& [operands, result, tolerance] : kTypes) {
    for (const auto& [m, n, k] :
         {std::tuple{384, 128, 4096}, {1024, 256, 1024}, {100, 128, 3000}}) {
      const at::Tensor a = at::randn({k, m}).to(operands);
      const at::Tensor b = at::randn({k, n}).to(operands);
      at::Tensor one = at::zeros({m, n}, a.options().dtype(result));
      at::Tensor two = one.clone();
      at::set_num_threads(1);
      gemm_tn(one, a, b);
      at::set_num_threads(2);
      gemm_tn(two, a, b);
      EXPECT_TRUE(one.equal(two)) << operands << " " << m << " " << n << " " << k;
    }
  }
  at::set_num_threads(before);
}

TEST(Gemm, RefusesMatricesThatDoNotFit) {
  at::Tensor c = at::zeros({2, 3});
  EXPECT_ANY_THROW(gemm_nn(c, at::zeros({2, 4}), at::zeros({5, 3})));
  EXPECT_ANY_THROW(gemm_nn(c, at::zeros({2, 4}), at::zeros({4, 3}).to(at::kDouble)));
}

}  // namespace
}  // namespace polaris::nn
