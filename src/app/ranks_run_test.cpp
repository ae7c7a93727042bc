#include <gtest/gtest.h>

#include <cmath>

#include "app/ranks_run_testing.h"
#include "base/error.h"

namespace polaris {
namespace {

TEST_F(RanksRun, TwoAndThreeMakeTheRunOfOneUpToRounding) {
  finish("one", 1);
  const auto alone = rollouts("one");
  const auto metrics_alone = lines("one", "metrics.jsonl");
  ASSERT_GT(metrics_alone[1].at("actor/grad_norm").get<double>(), 0.0);  // the first is an update
  for (const int ranks : {2, 3}) {
    const std::string name = fmt::format("of {}", ranks);
    finish(name, ranks);
    const auto together = rollouts(name);
    ASSERT_EQ(together.size(), alone.size());
    for (std::size_t i = 0; i < alone.size(); ++i) {
      EXPECT_EQ(together[i].at("id"), alone[i].at("id"));  // the same order of data throughout
      if (alone[i].at("step") == 1) {                      // before any update
        EXPECT_EQ(together[i], alone[i]);
      }
    }
    const auto metrics = lines(name, "metrics.jsonl");
    ASSERT_EQ(metrics.size(), metrics_alone.size());
    for (const char* measure : {"actor/grad_norm", "actor/entropy", "critic/score/mean"}) {
      const double expected = metrics_alone[1].at(measure).get<double>();
      EXPECT_NEAR(metrics[1].at(measure).get<double>(), expected, 1e-5 * std::abs(expected))
          << measure;
    }
  }
}

TEST_F(RanksRun, WhatSeveralRanksCannotDoIsSaidOnce) {
  const auto refused = [&](const std::vector<std::string>& more) {
    std::vector<std::string> arguments = train("refused", 2);
    arguments.insert(arguments.end(), more.begin(), more.end());
    const BinaryResult result = run_polaris(arguments);
    EXPECT_EQ(result.exit_code, static_cast<int>(ErrorCode::kInvalidConfig)) << result.out;
    EXPECT_EQ(std::ranges::count(result.err, '\n'), 1) << result.err;
    return result.err;
  };
  EXPECT_NE(refused({"--rehearsal"}).find("--rehearsal is one process"), std::string::npos);
  EXPECT_NE(refused({"--set", "learner.accumulate=as_scored"}).find("write when_complete"),
            std::string::npos);
}

}  // namespace
}  // namespace polaris
