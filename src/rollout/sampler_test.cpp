#include "rollout/sampler.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

namespace polaris {
namespace {

SamplingConfig plain() { return {.top_p = 1, .top_k = 0, .repetition_penalty = 1}; }

/// Softmax of given logits at a temperature.
std::vector<double> softmax(const std::vector<float>& logits, double temperature) {
  std::vector<double> p;
  double sum = 0;
  for (const float z : logits) sum += p.emplace_back(std::exp(z / temperature));
  for (double& x : p) x /= sum;
  return p;
}

const std::vector<float> kLogits = {1.0F, -0.5F, 2.0F, 0.0F, 0.3F, -2.0F, 1.5F, 0.9F};

TEST(Sampler, TokensOfARiggedPolicyHaveItsDistribution) {
  std::vector<float> logits = kLogits;
  // Over positions of one stream, over samples and over prompts: all must be fair. 99.9 % quantile
  // of chi-square with 7 degrees of freedom.
  constexpr double kLimit = 24.32;
  constexpr int kDraws = 20'000;
  const SamplerVocabulary vocabulary{.size = 8};
  SamplingConfig config = plain();
  config.temperature = 0.8;
  const auto expected = softmax(kLogits, 0.8);
  SamplerScratch scratch;
  for (const int way : {0, 1, 2}) {
    std::vector<int> counts(8, 0);
    Sampler one(config, vocabulary, {.seed = 11}, {});
    for (int i = 0; i < kDraws; ++i) {
      const auto number = static_cast<std::uint32_t>(i);
      const StreamId stream = way == 1 ? StreamId{.seed = 11, .sample = number}
                                       : StreamId{.seed = 11, .prompt_hash = number, .step = 3};
      Sampler fresh(config, vocabulary, stream, {});
      ++counts[(way == 0 ? one : fresh).draw(logits, scratch).token];
    }
    double chi_square = 0;
    for (std::size_t i = 0; i < counts.size(); ++i) {
      const double mean = kDraws * expected[i];
      chi_square += (counts[i] - mean) * (counts[i] - mean) / mean;
    }
    EXPECT_LT(chi_square, kLimit) << way;
  }
}

TEST(Sampler, ReportsBothLogProbabilities) {
  std::vector<float> logits = kLogits;
  const SamplerVocabulary vocabulary{.size = 8};
  SamplingConfig config = plain();
  config.temperature = 0.8;
  config.top_k = 3;
  const auto p = softmax(kLogits, 0.8);
  const double kept = p[2] + p[6] + p[0];
  SamplerScratch scratch;
  std::set<TokenId> seen;
  for (std::uint32_t i = 0; i < 50; ++i) {
    Sampler sampler(config, vocabulary, {.sample = i}, {});
    const DrawnToken drawn = sampler.draw(logits, scratch);
    seen.insert(drawn.token);
    EXPECT_NEAR(drawn.logprob, std::log(p[drawn.token]), 1e-6);
    EXPECT_NEAR(drawn.sampled_logprob, std::log(p[drawn.token] / kept), 1e-6);
  }
  EXPECT_EQ(seen, (std::set<TokenId>{0, 2, 6}));
}

TEST(Sampler, PenalisesItsOwnOutputButNotTheLogProbability) {
  std::vector<float> logits = kLogits;
  const SamplerVocabulary vocabulary{.size = 8};
  SamplingConfig config = plain();
  config.temperature = 0;
  config.repetition_penalty = 1.5;
  SamplerScratch scratch;
  Sampler sampler(config, vocabulary, {}, {});
  // 2.0 / 1.5 falls behind 1.5, and 1.5 / 1.5 behind that.
  EXPECT_EQ(sampler.draw(logits, scratch).token, 2);
  EXPECT_EQ(sampler.draw(logits, scratch).token, 6);
  const DrawnToken third = sampler.draw(logits, scratch);
  EXPECT_EQ(third.token, 2);
  EXPECT_NEAR(third.logprob, std::log(softmax(kLogits, 1.0)[2]), 1e-6);
  EXPECT_EQ(third.sampled_logprob, 0.0F);
}

TEST(Sampler, LeavesOutPaddingAndEarlyEnds) {
  std::vector<float> logits = kLogits;
  const SamplerVocabulary vocabulary{.size = 5, .stop_tokens = {2}};
  SamplingConfig config = plain();
  config.temperature = 0;
  config.min_new_tokens = 2;
  SamplerScratch scratch;
  Sampler sampler(config, vocabulary, {}, {});
  EXPECT_EQ(sampler.draw(logits, scratch).token, 0);  // 2 may not come yet, 6 and 7 never
  EXPECT_EQ(sampler.draw(logits, scratch).token, 0);
  EXPECT_EQ(sampler.draw(logits, scratch).token, 2);
}

TEST(Sampler, LeavesTheLogitsAsTheyWere) {
  const SamplerVocabulary vocabulary{.size = 7, .stop_tokens = {2, 7}};
  const SamplingConfig config{
      .repetition_penalty = 1.2, .dry_multiplier = 0.8, .min_new_tokens = 3};
  SamplerScratch scratch;
  Sampler sampler(config, vocabulary, {}, std::vector<TokenId>{0, 2, 6, 0, 2, 7, 0, 2});
  std::vector<float> logits = kLogits;
  for (int i = 0; i < 6; ++i) {
    const DrawnToken drawn = sampler.draw(logits, scratch);
    EXPECT_EQ(logits, kLogits);
    EXPECT_NEAR(drawn.logprob, std::log(softmax(kLogits, 1.0)[drawn.token]), 1e-6);
  }
}

TEST(Sampler, RepeatsItselfFromTheSameStream) {
  std::vector<float> logits = kLogits;
  const SamplerVocabulary vocabulary{.size = 8};
  const auto tokens = [&](const StreamId& stream) {
    SamplerScratch scratch;
    Sampler sampler(plain(), vocabulary, stream, {});
    std::vector<TokenId> drawn;
    for (int i = 0; i < 30; ++i) drawn.push_back(sampler.draw(logits, scratch).token);
    return drawn;
  };
  const StreamId stream{.seed = 3, .prompt_hash = 4, .step = 5, .sample = 6};
  EXPECT_EQ(tokens(stream), tokens(stream));
  EXPECT_NE(tokens(stream), tokens({.seed = 3, .prompt_hash = 4, .step = 5, .sample = 7}));
  EXPECT_NE(tokens(stream), tokens({.seed = 3, .prompt_hash = 4, .step = 6, .sample = 6}));
}

}  // namespace
}  // namespace polaris
