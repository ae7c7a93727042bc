#include "base/clock.h"

#include <gtest/gtest.h>

#include <ctime>
#include <memory>
#include <string>
#include <vector>

namespace polaris {
namespace {

TEST(SystemClock, SteadyTimeNeverGoesBack) {
  const SystemClock clock;
  double last_s = clock.steady_s();
  for (int i = 0; i < 1000; ++i) {
    const double now_s = clock.steady_s();
    EXPECT_GE(now_s, last_s);
    last_s = now_s;
  }
}

TEST(SystemClock, WallTimeCountsFrom1970) {
  EXPECT_NEAR(SystemClock().wall_s(), static_cast<double>(std::time(nullptr)), 5.0);
}

TEST(FakeClock, MovesBothTimesOnlyWhenTold) {
  FakeClock clock(/*wall_s=*/1000.0);
  const double start_s = clock.steady_s();
  EXPECT_EQ(clock.wall_s(), 1000.0);
  clock.advance(2.5);
  EXPECT_EQ(clock.steady_s() - start_s, 2.5);
  EXPECT_EQ(clock.wall_s(), 1002.5);
}

TEST(FakeClock, JumpOfTheWallClockMovesNeitherSteadyTimeNorTimers) {
  FakeClock clock(/*wall_s=*/1000.0);
  bool rang = false;
  clock.run_after(10.0, [&] { rang = true; });
  clock.set_wall(900'000.0);
  EXPECT_EQ(clock.wall_s(), 900'000.0);
  EXPECT_EQ(clock.steady_s(), 0.0);
  clock.advance(9.0);
  EXPECT_FALSE(rang);
  clock.set_wall(5.0);
  clock.advance(1.0);
  EXPECT_TRUE(rang);
  EXPECT_EQ(clock.wall_s(), 6.0);
}

TEST(FakeClock, RunsTimersInOrderOfTheirTimeAndThenOfTheirSetting) {
  FakeClock clock;
  std::string order;
  clock.run_after(3.0, [&] { order += 'c'; });
  clock.run_after(1.0, [&] { order += 'a'; });
  clock.run_after(3.0, [&] { order += 'd'; });
  clock.run_after(2.0, [&] { order += 'b'; });
  clock.run_after(5.0, [&] { order += 'e'; });
  clock.advance(3.0);
  EXPECT_EQ(order, "abcd");
}

TEST(FakeClock, TimerSeesItsOwnTimeAndMaySetTheNext) {
  FakeClock clock;
  std::vector<double> rang_at;
  std::function<void()> ring = [&] {
    rang_at.push_back(clock.steady_s());
    clock.run_after(1.0, ring);
  };
  clock.run_after(1.0, ring);
  clock.advance(3.5);
  EXPECT_EQ(rang_at, (std::vector{1.0, 2.0, 3.0}));
  EXPECT_EQ(clock.steady_s(), 3.5);
}

TEST(FakeClock, CancelledTimerDoesNotRunAndSaysSo) {
  FakeClock clock;
  int rang = 0;
  const TimerId cancelled = clock.run_after(1.0, [&] { ++rang; });
  const TimerId kept = clock.run_after(1.0, [&] { ++rang; });
  EXPECT_TRUE(clock.cancel_timer(cancelled));
  EXPECT_FALSE(clock.cancel_timer(cancelled));
  clock.advance(2.0);
  EXPECT_EQ(rang, 1);
  EXPECT_FALSE(clock.cancel_timer(kept));
}

TEST(TimerQueue, GivesNothingBeforeItsTime) {
  TimerQueue timers;
  EXPECT_FALSE(timers.next_due_s().has_value());
  timers.add(2.0, [] {});
  EXPECT_EQ(timers.next_due_s(), 2.0);
  EXPECT_FALSE(timers.take_due(1.999));
  EXPECT_TRUE(timers.take_due(2.0));
  EXPECT_FALSE(timers.next_due_s().has_value());
}

TEST(UtcText, WritesIso8601) {
  EXPECT_EQ(utc_text(0.0), "1970-01-01T00:00:00Z");
  EXPECT_EQ(utc_text(784111777.999), "1994-11-06T08:49:37Z");
  EXPECT_EQ(utc_text(951782400.0), "2000-02-29T00:00:00Z");
}

}  // namespace
}  // namespace polaris
