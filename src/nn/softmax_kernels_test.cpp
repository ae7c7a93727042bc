#include "nn/kernels/softmax_kernels.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "base/random.h"

namespace polaris::kernels {
namespace {

constexpr Isa kIsas[] = {Isa::kPortable, Isa::kAvx2, Isa::kAvx512};

std::vector<float> random_row(std::int64_t width, double scale, double offset = 0) {
  RandomStream random(StreamId{.seed = 4, .step = static_cast<std::uint32_t>(width)});
  std::vector<float> row(width);
  for (float& z : row) z = static_cast<float>(scale * random.normal() + offset);
  return row;
}

/// The same in double, as it is written in specs/performance.md B.1.
struct Expected {
  double logsumexp = 0, logprob = 0, entropy = 0;
  std::vector<double> p;

  Expected(const std::vector<float>& z, std::int64_t target, double temperature) {
    const double max = *std::max_element(z.begin(), z.end()) / temperature;
    double sum = 0;
    for (const float x : z) sum += std::exp(x / temperature - max);
    logsumexp = max + std::log(sum);
    logprob = z[target] / temperature - logsumexp;
    for (const float x : z) {
      const double log_p = x / temperature - logsumexp;
      p.push_back(std::exp(log_p));
      if (p.back() > 0) entropy -= p.back() * log_p;
    }
  }
};

TEST(SoftmaxKernels, LogitRowsAgreeWithDouble) {
  for (const Isa isa : kIsas) {
    const IsaLimit limit(isa);
    const SoftmaxKernels kernels = softmax_kernels();
    for (const std::int64_t width : {1, 2, 15, 16, 17, 1023, 1025, 5000}) {
      for (const double temperature : {1.0, 0.7, 2.0}) {
        // Small, usual and large logits, and such as have one certain winner.
        for (const auto& [scale, offset] :
             {std::pair(1e-3, 0.0), {3.0, 0.0}, {3.0, 1e3}, {1e4, 0.0}}) {
          const std::vector<float> logits = random_row(width, scale, offset);
          const std::int64_t target = width / 2;
          const Expected expected(logits, target, temperature);
          std::vector<float> row = logits;
          std::int64_t top = -1;
          const LogitRow actual = kernels.logit_row(row.data(), width, target,
                                                    static_cast<float>(1 / temperature), &top);
          const double tolerance = 2e-6 + 2e-7 * std::abs(expected.logprob);
          EXPECT_NEAR(actual.logprob, expected.logprob, tolerance) << width << ' ' << scale;
          EXPECT_NEAR(actual.entropy, expected.entropy, 5e-6) << width << ' ' << scale;
          EXPECT_EQ(logits[top], *std::max_element(logits.begin(), logits.end()));
          EXPECT_EQ(actual.max, logits[top]);

          constexpr double kScale = 0.3;
          std::vector<float> dz(width);
          kernels.logit_gradient(row.data(), dz.data(), width, target, actual.sum, kScale);
          for (std::int64_t i = 0; i < width; ++i)
            ASSERT_NEAR(dz[i], kScale * ((i == target) - expected.p[i]), 1e-6);
          std::vector<Bf16> narrow(width);
          kernels.logit_gradient_bf16(row.data(), narrow.data(), width, target, actual.sum, kScale);
          for (std::int64_t i = 0; i < width; ++i)
            ASSERT_NEAR(load(narrow[i]), dz[i], std::abs(dz[i]) * 0x1p-8 + 0x1p-126);
        }
      }
    }
  }
}

TEST(SoftmaxKernels, ExtremeLogitsGiveTheLimits) {
  for (const Isa isa : kIsas) {
    const IsaLimit limit(isa);
    const SoftmaxKernels kernels = softmax_kernels();
    constexpr float kHuge = 3e38F;
    std::vector<float> row(100, -kHuge);
    row[40] = kHuge / 2;
    const LogitRow certain = kernels.logit_row(row.data(), 100, 40, 1.0F, nullptr);
    EXPECT_EQ(certain.logprob, 0.0F);
    EXPECT_NEAR(certain.entropy, 0.0F, 1e-6);

    std::vector<float> equal(100, kHuge);
    const LogitRow even = kernels.logit_row(equal.data(), 100, 7, 1.0F, nullptr);
    EXPECT_NEAR(even.logprob, -std::log(100.0), 1e-6);
    EXPECT_NEAR(even.entropy, std::log(100.0), 1e-6);
  }
}

TEST(SoftmaxKernels, NanIsNotHidden) {
  for (const Isa isa : kIsas) {
    const IsaLimit limit(isa);
    for (const std::size_t place : {0, 50, 99}) {
      std::vector<float> row(100, 1.0F);
      row[place] = std::numeric_limits<float>::quiet_NaN();
      EXPECT_TRUE(
          std::isnan(softmax_kernels().logit_row(row.data(), 100, 3, 1.0F, nullptr).logprob));
    }
  }
}

TEST(SoftmaxKernels, TheFirstOfEqualLogitsIsTheTop) {
  std::vector<float> row = {1, 5, 2, 5, 5, 0};
  std::int64_t top = -1;
  softmax_kernels().logit_row(row.data(), 6, 0, 1.0F, &top);
  EXPECT_EQ(top, 1);
}

}  // namespace
}  // namespace polaris::kernels
