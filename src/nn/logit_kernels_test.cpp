#include "nn/kernels/logit_kernels.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include "base/random.h"

namespace polaris::kernels {
namespace {

constexpr std::array kIsas = {Isa::kPortable, Isa::kAvx2, Isa::kAvx512};
constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

std::vector<float> random_logits(std::size_t count, double spread) {
  RandomStream random({.seed = count});
  std::vector<float> logits;
  for (std::size_t i = 0; i < count; ++i)
    logits.push_back(static_cast<float>(spread * random.normal()));
  return logits;
}

LogitSum sum_of(const std::vector<float>& logits, float temperature = 1) {
  return logit_kernels().sum(logits.data(), std::ssize(logits), 1 / temperature);
}

TEST(LogitKernels, SumExponentialsOfAnyRow) {
  for (const Isa isa : kIsas) {
    const IsaLimit limit(isa);
    for (const std::size_t count : {1, 3, 15, 64, 65, 1023, 1024, 1025, 5000}) {
      for (const double spread : {0.01, 3.0, 100.0}) {
        for (const float temperature : {0.25F, 1.0F, 2.0F}) {
          auto logits = random_logits(count, spread);
          std::ranges::sort(logits);  // the maximum moves with every run
          const LogitSum row = sum_of(logits, temperature);
          double sum = 0;
          for (const float z : logits) sum += std::exp((double{z} - logits.back()) / temperature);
          ASSERT_EQ(row.max, logits.back());
          ASSERT_NEAR(row.sum, sum, 2e-6 * sum) << count << " " << spread << " " << temperature;
        }
      }
    }
  }
}

TEST(LogitKernels, ASumTellsThatALogitIsNoNumber) {
  for (const Isa isa : kIsas) {
    const IsaLimit limit(isa);
    for (const std::size_t place : {0, 1, 100, 1500, 2999}) {
      for (const float bad : {kNan, kInfinity}) {
        auto logits = random_logits(3000, 1);
        logits[place] = bad;
        EXPECT_TRUE(std::isnan(sum_of(logits).sum)) << place << " " << bad;
      }
    }
  }
}

TEST(LogitKernels, MaskedLogitsCountForNothing) {
  for (const Isa isa : kIsas) {
    const IsaLimit limit(isa);
    std::vector<float> logits(3000, -kInfinity);
    EXPECT_EQ(sum_of(logits).max, -kInfinity);
    EXPECT_EQ(sum_of(logits).sum, 0.0);
    logits[2000] = 5;
    EXPECT_EQ(sum_of(logits).max, 5.0F);
    EXPECT_NEAR(sum_of(logits).sum, 1.0, 1e-6);
  }
}

TEST(LogitKernels, FindWhatIsAboveAThreshold) {
  for (const Isa isa : kIsas) {
    const IsaLimit limit(isa);
    const auto next_above = logit_kernels().next_above;
    std::vector<float> logits(300, 1.0F);
    EXPECT_EQ(next_above(logits.data(), 0, 300, 1.0F), 300);
    EXPECT_EQ(next_above(logits.data(), 7, 7, 0.0F), 7);
    for (const std::int64_t place : {0, 1, 63, 64, 130, 299}) {
      logits[place] = 1.5F;
      EXPECT_EQ(next_above(logits.data(), 0, 300, 1.0F), place);
      EXPECT_EQ(next_above(logits.data(), place, 300, 1.0F), place);
      EXPECT_EQ(next_above(logits.data(), place + 1, 300, 1.0F), 300);
      EXPECT_EQ(next_above(logits.data(), 0, place, 1.0F), place);
      logits[place] = 1.0F;
    }
  }
}

}  // namespace
}  // namespace polaris::kernels
