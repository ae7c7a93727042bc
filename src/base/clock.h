// Time as the rest of polaris sees it: what the clock says, and "call me later". Each has a real
// implementation and one for tests, in which time moves when the test says so.
#pragma once

#include <functional>
#include <mutex>
#include <string>

#include "base/timer_queue.h"

namespace polaris {

/// Tells the time. May be used by any thread.
class Clock {
 public:
  virtual ~Clock() = default;

  /// Seconds since an arbitrary start. Never jumps and never goes back: for deadlines and
  /// durations.
  virtual double steady_s() const = 0;

  /// Seconds since 1970-01-01 UTC. Jumps when somebody sets the clock: for records, and for dates
  /// that others send us, never for deadlines.
  virtual double wall_s() const = 0;
};

/// The machine's clocks.
class SystemClock : public Clock {
 public:
  double steady_s() const override;
  double wall_s() const override;
};

/// Calls functions later. May be used by any thread.
class Timers {
 public:
  virtual ~Timers() = default;

  /// Runs `callback` once, `seconds` from now (negative counts as 0). Callbacks run one at a time,
  /// in the order in which they are due.
  virtual TimerId run_after(double seconds, std::function<void()> callback) = 0;

  /// True: the callback will not run. False: it has run, is running, or never existed.
  virtual bool cancel_timer(TimerId id) = 0;
};

/// Time that stands still until a test moves it.
class FakeClock : public Clock, public Timers {
 public:
  /// @param wall_s  what the wall clock shows at the start, seconds since 1970-01-01 UTC
  explicit FakeClock(double wall_s = 1'700'000'000.0) : wall_offset_s_(wall_s) {}

  double steady_s() const override;
  double wall_s() const override;
  TimerId run_after(double seconds, std::function<void()> callback) override;
  bool cancel_timer(TimerId id) override;

  /// Moves both clocks forward and runs what falls due on the way, on the calling thread, each
  /// callback at its own time: a callback that asks for another timer gets it in the same call.
  void advance(double seconds);

  /// Sets the wall clock, as an administrator or NTP would. The steady clock does not notice.
  void set_wall(double wall_s);

 private:
  mutable std::mutex mutex_;
  double steady_s_ = 0.0;
  double wall_offset_s_;  // wall - steady
  TimerQueue timers_;
};

/// "2026-06-04T09:05:00Z" for seconds since 1970-01-01 UTC; fractions are cut off.
std::string utc_text(double wall_s);

}  // namespace polaris
