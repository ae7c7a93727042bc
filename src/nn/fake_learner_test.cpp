#include "nn/fake_learner.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/temp_folder.h"

namespace polaris {
namespace {

Row row_of(std::vector<TokenId> tokens, double advantage) {
  return {.response_tokens = std::move(tokens), .advantage = advantage};
}

TEST(ToyPolicy, IsADistributionWhoseGradientAgreesWithFiniteDifferences) {
  const ToyPolicy policy{.skill = 42.3};
  const ToyDistribution words(policy);
  double sum = 0.0;
  for (TokenId t = 0; t < ToyPolicy::kWords; ++t) {
    sum += std::exp(words.logprob(t));
    const double h = 1e-5;
    const double expected = (ToyDistribution({policy.skill + h}).logprob(t) -
                             ToyDistribution({policy.skill - h}).logprob(t)) /
                            (2 * h);
    EXPECT_NEAR(words.gradient(t), expected, 1e-8);
  }
  EXPECT_NEAR(sum, 1.0, 1e-12);
  EXPECT_EQ(words.sample(0.0), 0);
  EXPECT_EQ(words.sample(0.5), 42);
}

TEST(FakeLearner, MovesTowardsWhatWasRewarded) {
  FakeLearner learner;
  const double before = learner.policy().skill;
  Batch batch{.rows = {row_of({80, 80}, 1.0), row_of({10, 10}, -1.0)}};
  normalise(batch, Normaliser::kTokenMean);
  const UpdateStats stats = learner.update(batch);
  EXPECT_GT(learner.policy().skill, before);
  EXPECT_EQ(stats.response_tokens, 4);
  EXPECT_GT(stats.grad_norm, 0.0);
  EXPECT_EQ(learner.policy_version(), 1);
}

TEST(FakeLearner, EmptyOrNonFiniteUpdatesChangeNothingButCount) {
  FakeLearner learner;
  const double before = learner.policy().skill;
  const UpdateStats empty = learner.update({});
  EXPECT_TRUE(empty.skipped);
  EXPECT_FALSE(empty.entropy);  // nothing was measured
  EXPECT_FALSE(empty.mismatch_logprob_abs_mean);
  learner.accumulate(std::vector{row_of({80}, std::numeric_limits<double>::infinity())});
  const UpdateStats stats = learner.apply(1.0);
  EXPECT_TRUE(stats.skipped);
  EXPECT_EQ(stats.nonfinite_tensors.size(), 1U);
  EXPECT_EQ(learner.policy().skill, before);
  EXPECT_EQ(learner.policy_version(), 2);
}

TEST(FakeLearner, SavedAndLoadedItGoesOnExactly) {
  const TempFolder folder;
  FakeLearner a;
  a.update({.rows = {row_of({80, 33}, 0.7)}, .step_scale = 0.3});
  a.save(folder.path());
  FakeLearner b;
  b.load(folder.path());
  for (FakeLearner* learner : {&a, &b})
    learner->update({.rows = {row_of({12}, -0.1)}, .step_scale = 0.9});
  EXPECT_EQ(a.policy().skill, b.policy().skill);
}

}  // namespace
}  // namespace polaris
