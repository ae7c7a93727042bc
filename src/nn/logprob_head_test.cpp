#include "nn/internal/logprob_head.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <fstream>

#include "base/error.h"
#include "nn/internal/golden_testing.h"
#include "nn/internal/run_blocks.h"

namespace polaris::nn {
namespace {

struct Case {
  at::Tensor h, targets;
  Weight weight;
  std::vector<float> slopes;

  Case(std::int64_t rows, std::int64_t vocab, std::int64_t width, at::ScalarType type,
       double scale = 1.0) {
    at::manual_seed(2);
    h = at::randn({rows, width}).to(type);
    targets = at::randint(vocab, {rows}, at::kLong);
    weight.value = (scale * at::randn({vocab, width})).to(type);
    weight.gradient = at::zeros({vocab, width}, type == at::kDouble ? at::kDouble : at::kFloat);
    const at::Tensor a = at::randn({rows});
    slopes.assign(a.const_data_ptr<float>(), a.const_data_ptr<float>() + rows);
  }
  at::Tensor slope_tensor() {
    return at::from_blob(slopes.data(), {static_cast<std::int64_t>(slopes.size())}, at::kFloat);
  }
  LossGradient loss() const {
    return [this](std::int64_t first, std::span<const float> logprobs, std::span<float> out) {
      std::copy_n(slopes.begin() + first, logprobs.size(), out.begin());
    };
  }
};

at::Tensor tensor(std::vector<float>& values) {
  return at::from_blob(values.data(), {static_cast<std::int64_t>(values.size())}, at::kFloat);
}

struct Tolerance {
  at::ScalarType type;
  double scores, gradient;
};

void expect_log_softmax(const Tolerance& tolerance, at::Device device = at::kCPU) {
  for (const double temperature : {1.0, 0.7, 2.0}) {
    Case c(37, 1003, 24, tolerance.type, 0.5);
    for (at::Tensor* x : {&c.h, &c.targets, &c.weight.value, &c.weight.gradient})
      *x = x->to(device);
    at::Tensor dh = at::empty_like(c.h);
    HeadScores both = head_forward_backward(c.h, c.weight, c.targets, temperature, c.loss(), dh);
    HeadScores scores = head_logprobs(c.h, c.weight.value, c.targets, temperature);
    for (at::Tensor* x : {&c.h, &c.targets, &c.weight.value, &c.weight.gradient, &dh})
      *x = x->cpu();
    EXPECT_EQ(scores.logprobs, both.logprobs);
    EXPECT_EQ(scores.entropies, both.entropies);

    const at::Tensor h = c.h.to(at::kDouble), w = c.weight.value.to(at::kDouble);
    const at::Tensor logp = (h.matmul(w.t()) / temperature).log_softmax(-1);
    const at::Tensor expected = logp.gather(1, c.targets.unsqueeze(1)).squeeze(1);
    EXPECT_LT(max_difference(tensor(scores.logprobs), expected), tolerance.scores);
    EXPECT_LT(max_difference(tensor(scores.entropies), -(logp.exp() * logp).sum(-1)),
              tolerance.scores);
    at::Tensor dz = -logp.exp();
    dz.scatter_add_(1, c.targets.unsqueeze(1), at::ones_like(expected).unsqueeze(1));
    dz *= c.slope_tensor().to(at::kDouble).unsqueeze(1) / temperature;
    EXPECT_LT(relative_difference(dh, dz.matmul(w)), tolerance.gradient);
    EXPECT_LT(relative_difference(c.weight.gradient, dz.t().matmul(h)), tolerance.gradient);
  }
}

class LogprobHead : public testing::TestWithParam<Tolerance> {};

TEST_P(LogprobHead, AgreesWithLogSoftmaxInDouble) { expect_log_softmax(GetParam()); }

TEST_P(LogprobHead, KernelsForAGpuAgreeWithLogSoftmaxInDouble) {
  const GpuKernelsOnCpu gpu_kernels;
  expect_log_softmax(GetParam());
}

TEST_P(LogprobHead, AGpuAgreesWithLogSoftmaxInDouble) {
  if (!at::hasCUDA()) GTEST_SKIP() << "no CUDA device";
  expect_log_softmax(GetParam(), at::kCUDA);
}

// Logits are never rounded to bfloat16; dz and dh are.
INSTANTIATE_TEST_SUITE_P(Types, LogprobHead,
                         testing::Values(Tolerance{at::kFloat, 2e-5, 1e-5},
                                         Tolerance{at::kBFloat16, 2e-5, 1e-2},
                                         Tolerance{at::kDouble, 1e-5, 1e-6}),
                         [](const auto& info) { return std::string(toString(info.param.type)); });

TEST(LogprobHead, AddsToTheGradientOfTheWeight) {
  Case c(5, 40, 8, at::kFloat);
  const at::Tensor dh = at::empty_like(c.h);
  head_forward_backward(c.h, c.weight, c.targets, 1.0, c.loss(), dh);
  const at::Tensor once = c.weight.gradient.clone();
  head_forward_backward(c.h, c.weight, c.targets, 1.0, c.loss(), dh);
  EXPECT_LT(relative_difference(c.weight.gradient, 2 * once), 1e-6);
  c.weight.gradient = at::Tensor();  // frozen
  head_forward_backward(c.h, c.weight, c.targets, 1.0, c.loss(), dh);
}

void expect_likeliest(at::ScalarType type, std::int64_t vocab) {
  Case c(9, vocab, 16, type);
  const HeadScores scores = head_logprobs(c.h, c.weight.value, c.targets, 0.5, true);
  const auto [max, id] = c.h.to(at::kDouble).matmul(c.weight.value.to(at::kDouble).t()).max(1);
  for (std::int64_t i = 0; i < 9; ++i) {
    EXPECT_EQ(scores.top_ids[i], id[i].item<std::int64_t>());
    EXPECT_NEAR(scores.max_logits[i], max[i].item<double>(), 1e-4);
  }
  EXPECT_TRUE(head_logprobs(c.h, c.weight.value, c.targets, 0.5).top_ids.empty());
}

TEST(LogprobHead, NamesTheLikeliestTokenWhenAsked) {
  for (const at::ScalarType type : {at::kFloat, at::kBFloat16, at::kDouble})
    expect_likeliest(type, 300);
  const GpuKernelsOnCpu gpu_kernels;
  for (const std::int64_t vocab : {7, 300})
    for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) expect_likeliest(type, vocab);
}

TEST(LogprobHead, RowsWithoutSlopeHaveNoGradient) {
  Case c(20, 40, 8, at::kFloat);
  c.slopes.assign(20, 0.0F);
  const at::Tensor dh = at::ones_like(c.h);
  head_forward_backward(c.h, c.weight, c.targets, 1.0, c.loss(), dh);
  EXPECT_EQ(dh.abs().max().item<float>(), 0.0F);
  EXPECT_EQ(c.weight.gradient.abs().max().item<float>(), 0.0F);
  c.slopes[7] = 1.0F;
  head_forward_backward(c.h, c.weight, c.targets, 1.0, c.loss(), dh);
  EXPECT_EQ(dh.abs().sum(1).count_nonzero().item<std::int64_t>(), 1);
  EXPECT_GT(dh[7].abs().max().item<float>(), 0.0F);
}

TEST(LogprobHead, RowSharesNothingWithTheOthersOfItsTile) {
  for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
    Case c(300, 20000, 16, type);  // three tiles
    const HeadScores all = head_logprobs(c.h, c.weight.value, c.targets, 1.0);
    for (const std::int64_t first : {0, 120, 291}) {
      const HeadScores few = head_logprobs(c.h.narrow(0, first, 9), c.weight.value,
                                           c.targets.narrow(0, first, 9), 1.0);
      for (std::int64_t i = 0; i < 9; ++i) {
        EXPECT_NEAR(few.logprobs[i], all.logprobs[first + i], 1e-5);
        EXPECT_NEAR(few.entropies[i], all.entropies[first + i], 1e-5);
      }
    }
  }
}

TEST(LogprobHead, HugeLogitsNeitherOverflowNorVanish) {
  Case c(3, 50, 8, at::kFloat, 3000.0);
  const auto check = [](const HeadScores& scores) {
    for (std::size_t i = 0; i < 3; ++i) {
      EXPECT_TRUE(std::isfinite(scores.logprobs[i]));
      EXPECT_GE(scores.entropies[i], -1e-6F);
    }
  };
  check(head_logprobs(c.h, c.weight.value, c.targets, 1.0));
  const GpuKernelsOnCpu gpu_kernels;
  check(head_logprobs(c.h, c.weight.value, c.targets, 1.0));
}

TEST(LogprobHead, DoesNotDependOnTheNumberOfThreads) {
  const int before = at::get_num_threads();
  for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
    Case one(300, 2048, 64, type), two(300, 2048, 64, type);
    const at::Tensor dh_one = at::empty_like(one.h), dh_two = at::empty_like(two.h);
    at::set_num_threads(1);
    const HeadScores a =
        head_forward_backward(one.h, one.weight, one.targets, 1.0, one.loss(), dh_one);
    at::set_num_threads(2);
    const HeadScores b =
        head_forward_backward(two.h, two.weight, two.targets, 1.0, two.loss(), dh_two);
    EXPECT_EQ(a.logprobs, b.logprobs);
    EXPECT_TRUE(dh_one.equal(dh_two));
    EXPECT_TRUE(one.weight.gradient.equal(two.weight.gradient));
  }
  at::set_num_threads(before);
}

TEST(LogprobHead, RefusesATargetOutsideTheVocabulary) {
  Case c(3, 50, 8, at::kFloat);
  c.targets[1] = 50;
  EXPECT_THROW(head_logprobs(c.h, c.weight.value, c.targets, 1.0), Error);
  c.targets[1] = -1;
  EXPECT_THROW(head_logprobs(c.h, c.weight.value, c.targets, 1.0), Error);
}

/// Most memory that this process ever held, bytes; reset by writing 5 to clear_refs.
std::int64_t peak_bytes() {
  std::ifstream file("/proc/self/status");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("VmHWM:")) return std::stoll(line.substr(6)) * 1024;
  }
  return 0;
}

// specs/performance.md C6: float32 logits of all these rows would be 1.02 GB. The bar itself (2,048
// rows of 256) is measured by bench/nn_head_bench.
TEST(LogprobHead, NeverHoldsTheLogitsOfAllRows) {
  for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
    Case c(1024, 248320, 8, type);
    const at::Tensor dh = at::empty_like(c.h);
    const auto growth = [](const auto& work) {
      std::ofstream("/proc/self/clear_refs") << 5;
      const std::int64_t before = peak_bytes();
      work();
      return peak_bytes() - before;
    };
    EXPECT_LT(growth([&] { head_logprobs(c.h, c.weight.value, c.targets, 1.0); }), 350'000'000);
    EXPECT_LT(growth([&] { head_forward_backward(c.h, c.weight, c.targets, 1.0, c.loss(), dh); }),
              350'000'000);
  }
}

}  // namespace
}  // namespace polaris::nn
