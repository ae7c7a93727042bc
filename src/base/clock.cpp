#include "base/clock.h"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <utility>

namespace polaris {
namespace {

template <class TimePoint>
double seconds_of(TimePoint time) {
  return std::chrono::duration<double>(time.time_since_epoch()).count();
}

}  // namespace

double SystemClock::steady_s() const { return seconds_of(std::chrono::steady_clock::now()); }

double SystemClock::wall_s() const { return seconds_of(std::chrono::system_clock::now()); }

double FakeClock::steady_s() const {
  const std::lock_guard lock(mutex_);
  return steady_s_;
}

double FakeClock::wall_s() const {
  const std::lock_guard lock(mutex_);
  return steady_s_ + wall_offset_s_;
}

TimerId FakeClock::run_after(double seconds, std::function<void()> callback) {
  const std::lock_guard lock(mutex_);
  return timers_.add(steady_s_ + std::max(seconds, 0.0), std::move(callback));
}

bool FakeClock::cancel_timer(TimerId id) {
  std::function<void()> dropped;  // destroyed after the lock: what it holds may call us
  const std::lock_guard lock(mutex_);
  dropped = timers_.take(id);
  return dropped != nullptr;
}

void FakeClock::advance(double seconds) {
  std::unique_lock lock(mutex_);
  const double target_s = steady_s_ + seconds;
  while (timers_.next_due_s().value_or(target_s + 1.0) <= target_s) {
    steady_s_ = std::max(steady_s_, *timers_.next_due_s());
    const auto callback = timers_.take_due(steady_s_);
    lock.unlock();
    callback();
    lock.lock();
  }
  steady_s_ = target_s;
}

void FakeClock::set_wall(double wall_s) {
  const std::lock_guard lock(mutex_);
  wall_offset_s_ = wall_s - steady_s_;
}

std::string utc_text(double wall_s) {
  using namespace std::chrono;
  const auto time = floor<seconds>(system_clock::time_point() +
                                   duration_cast<system_clock::duration>(duration<double>(wall_s)));
  const auto day = floor<days>(time);
  const year_month_day date(day);
  const hh_mm_ss clock(time - day);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count());
}

}  // namespace polaris
