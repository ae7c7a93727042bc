#include "base/retry.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <string>

namespace polaris {
namespace {

TEST(RetryDelay, DoublesUpToAMinuteWithFullJitter) {
  for (int failed = 1; failed < 40; ++failed) {
    const double most = std::min(60.0, 2.0 * std::pow(2.0, failed - 1));
    double sum = 0.0;
    double lowest = most;
    for (int i = 0; i < 200; ++i) {
      const double delay = retry_delay_s(failed, {}, 2.0, "question " + std::to_string(i));
      ASSERT_GE(delay, 0.0);
      ASSERT_LT(delay, most);
      sum += delay;
      lowest = std::min(lowest, delay);
    }
    EXPECT_NEAR(sum / 200, most / 2, 0.1 * most) << failed;
    EXPECT_LT(lowest, 0.1 * most) << "the jitter is full";
  }
}

TEST(RetryDelay, IsTheSameForTheSameQuestionAndAttempt) {
  EXPECT_EQ(retry_delay_s(2, {}, 1.0, "a"), retry_delay_s(2, {}, 1.0, "a"));
  EXPECT_NE(retry_delay_s(2, {}, 1.0, "a"), retry_delay_s(2, {}, 1.0, "b"));
}

TEST(RetryDelay, WhatTheServerAsksForHolds) {
  EXPECT_EQ(retry_delay_s(3, 7.5, 1.0, "a"), 7.5);
  EXPECT_EQ(retry_delay_s(3, 0.0, 1.0, "a"), 0.0);
}

TEST(RetryDelay, IsLongerEveryTimeAndDifferentlyForEveryStory) {
  std::set<double> pauses;
  for (int failed = 1; failed <= 40; ++failed) {
    const double pause = retry_delay_s(failed, {}, 1.0, "story");
    EXPECT_GE(pause, 0.0);
    EXPECT_LE(pause, failed < 7 ? 1 << (failed - 1) : 60);
    pauses.insert(pause);
  }
  EXPECT_EQ(pauses.size(), 40U);
  EXPECT_NE(retry_delay_s(1, {}, 1.0, "another"), retry_delay_s(1, {}, 1.0, "story"));
  EXPECT_EQ(retry_delay_s(1, 3.0, 1.0, "story"), 3.0);
}

TEST(WithoutSecret, LeavesTheRest) {
  EXPECT_EQ(without_secret("key abc and abc", "abc"), "key *** and ***");
  EXPECT_EQ(without_secret("key", ""), "key");
}

TEST(WithoutSecret, BlackensEveryOccurrence) {
  EXPECT_EQ(without_secret("key sk-1 is wrong: sk-1", "sk-1"), "key *** is wrong: ***");
  EXPECT_EQ(without_secret("**", "*"), "******");
  EXPECT_EQ(without_secret("text", ""), "text");
}

}  // namespace
}  // namespace polaris
