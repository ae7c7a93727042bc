#include "rollout/token_choice.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/error.h"
#include "base/random.h"

namespace polaris {
namespace {

constexpr float kNever = -std::numeric_limits<float>::infinity();

SamplingConfig no_filters() {
  return {.temperature = 1, .top_p = 1, .top_k = 0, .min_p = 0, .repetition_penalty = 1};
}

/// The definition: all tokens sorted, one filter after the other on explicit probabilities.
struct Kept {
  std::vector<TokenId> ids;
  std::vector<double> probabilities;

  Kept(const std::vector<float>& logits, const SamplingConfig& config) : ids(logits.size()) {
    std::iota(ids.begin(), ids.end(), 0);
    std::ranges::stable_sort(ids, std::ranges::greater(), [&](TokenId id) { return logits[id]; });
    for (const TokenId id : ids)
      probabilities.push_back(std::exp((double{logits[id]} - logits[ids[0]]) / config.temperature));
    keep(config.top_k > 0 ? static_cast<std::size_t>(config.top_k) : ids.size());
    if (config.top_p < 1) {
      double sum = 0;
      std::size_t count = 0;
      while (count < ids.size() && sum < config.top_p) sum += probabilities[count++];
      keep(std::max<std::size_t>(count, 1));
    }
    std::size_t count = 1;
    while (count < ids.size() && probabilities[count] >= config.min_p * probabilities[0]) ++count;
    keep(count);
  }

  void keep(std::size_t count) {
    ids.resize(std::min(count, ids.size()));
    probabilities.resize(ids.size());
    const double sum = std::accumulate(probabilities.begin(), probabilities.end(), 0.0);
    for (double& p : probabilities) p /= sum;
  }
};

std::vector<float> random_logits(std::size_t count, double spread, RandomStream& random) {
  std::vector<float> logits;
  for (std::size_t i = 0; i < count; ++i)
    logits.push_back(static_cast<float>(spread * random.normal()));
  return logits;
}

TEST(TokenChoice, DrawsWhatEveryFilterLeaves) {
  RandomStream random({.seed = 5});
  TokenChoice choice;
  std::size_t draws = 0;
  for (const std::size_t size : {3, 70, 600}) {
    for (const std::int64_t top_k : {0, 1, 20, 100, 100'000}) {
      for (const double top_p : {1.0, 0.95, 0.3, 1e-9}) {
        for (const double min_p : {0.0, 0.05, 0.5}) {
          for (const double temperature : {0.3, 1.0, 2.5}) {
            SamplingConfig config = no_filters();
            config.top_k = top_k;
            config.top_p = top_p;
            config.min_p = min_p;
            config.temperature = temperature;
            const auto logits = random_logits(size, random.uniform() < 0.5 ? 0.2 : 3, random);
            const Kept kept(logits, config);
            double sum = 0;
            for (std::size_t i = 0; i < kept.ids.size(); ++i) {
              const double p = kept.probabilities[i];
              const double middle = sum + p / 2;  // of the share of [0, 1) that draws it
              sum += p;
              if (p < 1e-6) break;  // float32 sums of the whole row end before it
              const auto drawn = choice.draw(logits, config, middle);
              ASSERT_EQ(drawn.token, kept.ids[i]) << size << " " << top_k << " " << top_p;
              ASSERT_NEAR(drawn.logprob, std::log(p), 1e-5);
              ++draws;
            }
          }
        }
      }
    }
  }
  EXPECT_GT(draws, 3000U);
}

TEST(TokenChoice, TiesGoToTheLowerId) {
  TokenChoice choice;
  const std::vector<float> logits(500, 1.5F);
  SamplingConfig config = no_filters();
  config.top_k = 3;
  EXPECT_EQ(choice.draw(logits, config, 0.0).token, 0);
  EXPECT_EQ(choice.draw(logits, config, 0.99).token, 2);
  config.top_k = 0;
  config.top_p = 0.5;
  EXPECT_EQ(choice.draw(logits, config, 0.999).token, 249);
  config.temperature = 0;
  EXPECT_EQ(choice.draw(logits, config, 0.7).token, 0);
}

TEST(TokenChoice, TemperatureZeroTakesTheLikeliest) {
  TokenChoice choice;
  SamplingConfig config = no_filters();
  config.temperature = 0;
  const auto drawn = choice.draw(std::vector<float>{-3, 2, 2, 1}, config, 0.9);
  EXPECT_EQ(drawn.token, 1);
  EXPECT_EQ(drawn.logprob, 0.0);
}

TEST(TokenChoice, NeverDrawsWhatIsMasked) {
  TokenChoice choice;
  std::vector<float> logits(100, kNever);
  logits[17] = -4;
  for (const std::int64_t top_k : {0, 20}) {
    SamplingConfig config = no_filters();
    config.top_k = top_k;
    const auto drawn = choice.draw(logits, config, 1.0 - 1e-16);
    EXPECT_EQ(drawn.token, 17);
    EXPECT_NEAR(drawn.logprob, 0.0, 1e-6);
  }
}

TEST(TokenChoice, SamplesALargeVocabularyByItsTail) {
  RandomStream random({.seed = 6});
  const auto logits = random_logits(50'000, 0.01, random);
  const SamplingConfig config = no_filters();
  const Kept kept(logits, config);
  TokenChoice choice;
  double sum = 0;
  for (std::size_t i = 0; i < 20'000; ++i) sum += kept.probabilities[i];
  const auto drawn = choice.draw(logits, config, sum - kept.probabilities[19'999] / 2);
  const auto rank = std::ranges::find(kept.ids, drawn.token) - kept.ids.begin();
  EXPECT_NEAR(static_cast<double>(rank), 19'999, 2);  // sums of floats end 1e-6 apart
}

TEST(PlainSoftmax, IsLogSoftmaxAtTheTemperature) {
  RandomStream random({.seed = 7});
  const auto logits = random_logits(3000, 4, random);
  for (const double temperature : {0.5, 1.0, 2.0}) {
    PlainSoftmax plain;
    plain.set(logits, temperature);
    double sum = 0;
    for (const float z : logits) sum += std::exp(z / temperature);
    for (const TokenId id : {0, 1500, 2999})
      EXPECT_NEAR(plain.logprob(id), logits[id] / temperature - std::log(sum), 2e-6);
  }
}

TEST(PlainSoftmax, RefusesWhatIsNoNumber) {
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    for (const std::size_t place : {0, 40, 99}) {
      std::vector<float> logits(100, 0.5F);
      logits[place] = bad;
      PlainSoftmax plain;
      EXPECT_THROW(plain.set(logits, 1.0), Error) << bad << " at " << place;
    }
  }
}

}  // namespace
}  // namespace polaris
