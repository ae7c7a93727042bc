#include "train/guards.h"

#include <gtest/gtest.h>

#include "base/clock.h"

namespace polaris {
namespace {

const SystemClock kClock;

StepLog step_with(const std::string& metric, double value) {
  StepLog log(1, kClock);
  log.set(metric, value);
  return log;
}

TEST(Guards, StopAfterPatienceStepsInARow) {
  Guards guards({.patience = 3}, {});
  const StepLog bad = step_with("reward/truncated_frac", 0.5);
  EXPECT_FALSE(guards.watch(bad));
  EXPECT_FALSE(guards.watch(bad));
  const auto reason = guards.watch(bad);
  ASSERT_TRUE(reason);
  EXPECT_NE(reason->find("reward/truncated_frac was above guards.truncated = 0.3 in 3 steps"),
            std::string::npos)
      << *reason;
}

TEST(Guards, AGoodStepBeginsTheCountAgainAndAnUnmeasuredOneDoesNot) {
  Guards guards({.patience = 2}, {});
  EXPECT_FALSE(guards.watch(step_with("reward/truncated_frac", 0.5)));
  EXPECT_FALSE(guards.watch(step_with("reward/truncated_frac", 0.3)));  // at the limit: fine
  EXPECT_FALSE(guards.watch(step_with("reward/truncated_frac", 0.5)));
  EXPECT_FALSE(guards.watch(step_with("actor/entropy", 2.0)));
  EXPECT_TRUE(guards.watch(step_with("reward/truncated_frac", 0.5)));
}

TEST(Guards, EveryAlarmSoundsOnItsSideOnly) {
  const std::vector<std::tuple<const char*, double, double>> alarms = {
      {"mismatch/logprob_abs_mean", 0.04, 0.06}, {"group/zero_sd_frac", 0.4, 0.6},
      {"reward/truncated_frac", 0.2, 0.4},       {"reward/unclosed_think_frac", 0.1, 0.3},
      {"reward/length_ratio_mean", 0.6, 0.4},    {"reward_comp_policy/self_rep_mean", 0.4, 0.6}};
  for (const auto& [metric, fine, alarming] : alarms) {
    EXPECT_FALSE(Guards({.patience = 1}, {}).watch(step_with(metric, fine))) << metric;
    EXPECT_TRUE(Guards({.patience = 1}, {}).watch(step_with(metric, alarming))) << metric;
  }
}

TEST(Guards, ZeroTurnsALimitOrAllOff) {
  const StepLog bad = step_with("reward/length_ratio_mean", 0.1);
  EXPECT_FALSE(Guards({.patience = 1, .length_ratio = 0.0}, {}).watch(bad));
  EXPECT_FALSE(Guards({.patience = 0}, {}).watch(bad));
}

TEST(Guards, CountFromTheJournalOfEarlierStarts) {
  const std::vector<Json> history(2, Json{{"step", 1}, {"reward/truncated_frac", 0.9}});
  EXPECT_TRUE(Guards({.patience = 3}, history).watch(step_with("reward/truncated_frac", 0.9)));
}

TEST(TooManyFailed, NamesTheReasonsAboveTheLimit) {
  const Score fine{.reward = 0.1};
  const Score failed{.failure = "timeout"};
  const std::vector<ScoredGroup> groups = {{.scores = {fine, fine, failed, fine}}};
  EXPECT_FALSE(too_many_failed(groups, 0.25));
  const auto reason = too_many_failed(groups, 0.2);
  ASSERT_TRUE(reason);
  EXPECT_NE(reason->find("1 of 4 rows have no reward (1 x timeout)"), std::string::npos) << *reason;
}

}  // namespace
}  // namespace polaris
