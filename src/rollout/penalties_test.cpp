#include "rollout/penalties.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/random.h"

namespace polaris {
namespace {

using Logits = std::vector<float>;

SamplingConfig none() { return {.repetition_penalty = 1}; }

Logits penalised(const SamplingConfig& config, const std::vector<TokenId>& prompt,
                 const std::vector<TokenId>& output, Logits logits,
                 const std::vector<TokenId>& breakers = {}) {
  Penalties penalties(config, prompt, breakers);
  for (const TokenId token : output) penalties.add(token);
  penalties.apply(logits);
  return logits;
}

TEST(Penalties, RepetitionDependsOnTheSignAndCountsOnce) {
  SamplingConfig config = none();
  config.repetition_penalty = 1.25;
  EXPECT_EQ(penalised(config, {0, 1, 1}, {2, 2}, {5, -5, 10, 3, -3}), (Logits{4, -6.25, 8, 3, -3}));
}

TEST(Penalties, PresenceAndFrequencyLookAtTheOutputOnly) {
  SamplingConfig config = none();
  config.presence_penalty = 0.5;
  config.frequency_penalty = 0.25;
  EXPECT_EQ(penalised(config, {0, 1}, {1, 2, 2}, {1, 1, 1, 1}), (Logits{1, 0.25, 0, 1}));
}

TEST(Penalties, WithoutAnyLogitsStay) {
  EXPECT_EQ(penalised(none(), {0, 1}, {2}, {1, -2, 3}), (Logits{1, -2, 3}));
}

TEST(Penalties, IdsBeyondTheVocabularyAreLeftOut) {
  SamplingConfig config = none();
  config.repetition_penalty = 2;
  EXPECT_EQ(penalised(config, {7, 0}, {9}, {2, 2}), (Logits{1, 2}));
}

TEST(Dry, PenalisesWhatCameBehindTheLongestEarlierCopy) {
  SamplingConfig config = none();
  config.dry_multiplier = 1;
  config.dry_base = 2;
  config.dry_allowed_length = 2;
  // ".. 1 2 3 4 .. 5 2 3 6 .. 1 2 3": 4 stands behind three equal tokens, 6 behind two.
  EXPECT_EQ(penalised(config, {1, 2, 3, 4, 0, 5, 2, 3, 6, 0, 1, 2, 3}, {}, Logits(8, 0.0F)),
            (Logits{0, 0, 0, 0, -2, 0, -1, 0}));
}

/// The definition, by trying every earlier place and every length.
Logits dry_oracle(const SamplingConfig& config, const std::vector<TokenId>& history,
                  const std::vector<TokenId>& breakers, Logits logits) {
  const auto is_breaker = [&](TokenId t) { return std::ranges::count(breakers, t) > 0; };
  const auto range = std::min(history.size(), static_cast<std::size_t>(config.dry_range));
  const std::vector<TokenId> window(history.end() - static_cast<std::ptrdiff_t>(range),
                                    history.end());
  const std::size_t n = window.size();
  for (TokenId t = 0; t < static_cast<TokenId>(logits.size()); ++t) {
    std::size_t longest = 0;
    for (std::size_t i = 0; i + 1 < n; ++i) {  // an earlier suffix ends with window[i]
      if (window[i + 1] != t) continue;
      std::size_t length = 0;
      while (length <= i && window[i - length] == window[n - 1 - length] &&
             !is_breaker(window[i - length]))
        ++length;
      longest = std::max(longest, length);
    }
    if (longest < static_cast<std::size_t>(config.dry_allowed_length) || is_breaker(t)) continue;
    logits[t] -= static_cast<float>(
        config.dry_multiplier *
        std::pow(config.dry_base,
                 static_cast<double>(longest) - static_cast<double>(config.dry_allowed_length)));
  }
  return logits;
}

TEST(Dry, IsItsDefinition) {
  RandomStream random({.seed = 3});
  const std::vector<TokenId> breakers = {4};
  for (int round = 0; round < 300; ++round) {
    SamplingConfig config = none();
    config.dry_multiplier = 0.8;
    config.dry_base = 1.0 + random.uniform();
    config.dry_allowed_length = 1 + random.below(3);
    config.dry_range = 5 + random.below(60);
    std::vector<TokenId> history;
    const std::uint32_t length = 1 + random.below(60);
    for (std::uint32_t i = 0; i < length; ++i)
      history.push_back(static_cast<TokenId>(random.below(random.below(4) == 0 ? 5 : 3)));
    const Logits expected = dry_oracle(config, history, breakers, Logits(6, 1.0F));
    const Logits actual = penalised(config, history, {}, Logits(6, 1.0F), breakers);
    for (std::size_t i = 0; i < expected.size(); ++i)
      ASSERT_NEAR(actual[i], expected[i], 1e-5F * std::abs(expected[i]) + 1e-5F) << round;
  }
}

TEST(Dry, StaysFiniteForALoop) {
  SamplingConfig config = none();
  config.dry_multiplier = 0.8;
  const Logits logits = penalised(config, std::vector<TokenId>(4000, 1), {}, Logits(3, 0.0F));
  EXPECT_TRUE(std::isfinite(logits[1]));
  EXPECT_LT(logits[1], -1e30F);
}

}  // namespace
}  // namespace polaris
