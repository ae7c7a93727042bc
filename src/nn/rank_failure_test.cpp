#include "nn/rank_failure.h"

#include <gtest/gtest.h>

namespace polaris {
namespace {

using Word = Heartbeat::Word;

const Heartbeat::Time kFailed = Heartbeat::Time() + std::chrono::hours(1);
const Heartbeat::Time kBefore = kFailed - std::chrono::milliseconds(300);
const Heartbeat::Time kAfter = kFailed + std::chrono::milliseconds(500);

/// What rank 0 of 3 saw in operation 7.
FailedOperation seen(bool timed_out) {
  return {.rank = 0,
          .operation = 7,
          .failed = kFailed,
          .timed_out = timed_out,
          .timeout_s = 600,
          .reason = "Connection reset by peer"};
}

std::string text(bool timed_out, const Word& one, const Word& two) {
  return failure_text(seen(timed_out), std::vector<Word>{{}, one, two});
}

const Word kAlive = {.heard = kAfter, .operation = 7};
const Word kDead = {.heard = kBefore, .operation = 7};

TEST(RankFailure, NamesWhoWasNotHeardAgain) {
  EXPECT_EQ(text(false, kAlive, kDead),
            "rank 2 of 3 is gone (the process was killed, or the machine or the network is down); "
            "the same command goes on from the last checkpoint");
  EXPECT_EQ(text(false, {}, kDead).substr(0, 24), "ranks 1, 2 of 3 are gone");
}

TEST(RankFailure, TellsSilenceFromDeath) {
  EXPECT_EQ(
      text(true, kDead, kAlive),
      "rank 1 of 3 has been silent for 600 s (stopped, or the machine or the network is gone); "
      "the same command goes on from the last checkpoint; distributed.timeout_s says how long "
      "ranks wait for each other");
}

TEST(RankFailure, TellsALateRankFromADeadOne) {
  EXPECT_EQ(
      text(true, kAlive, {.heard = kAfter, .operation = 6}),
      "rank 2 of 3 runs, but did not come to the others within 600 s; the same command goes on "
      "from the last checkpoint; a larger distributed.timeout_s waits longer");
}

TEST(RankFailure, SaysWhatWasSeenFirstByAnother) {
  EXPECT_EQ(text(false, {.heard = kAfter, .failure = "rank 2 of 3 is gone"}, {}),
            "rank 2 of 3 is gone");
}

TEST(RankFailure, ARankThatHasLeftHasItsOwnReason) {
  EXPECT_EQ(text(false, {.heard = kBefore, .left = true}, kAlive).substr(0, 38),
            "rank 1 of 3 has ended before the other");
}

TEST(RankFailure, WhereAllLiveTheConnectionBroke) {
  EXPECT_EQ(text(false, kAlive, kAlive),
            "the connection between the ranks broke, though all 3 run (Connection reset by peer); "
            "the same command goes on from the last checkpoint");
}

TEST(RankFailure, IsExplainedOnceAllLiveOrOneHasSaidWhy) {
  const auto is = [](const Word& one, const Word& two) {
    return is_explained(seen(false), std::vector<Word>{{}, one, two});
  };
  EXPECT_FALSE(is(kAlive, kDead));
  EXPECT_FALSE(is({}, kAlive));
  EXPECT_TRUE(is(kAlive, kAlive));
  EXPECT_TRUE(is({.heard = kBefore, .left = true}, kDead));
  EXPECT_TRUE(is(kDead, {.heard = kAfter, .failure = "x"}));
}

}  // namespace
}  // namespace polaris
