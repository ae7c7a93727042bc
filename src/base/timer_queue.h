#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <utility>

namespace polaris {

/// Names a timer for its whole life; never used twice.
using TimerId = std::uint64_t;

/// Functions waiting for their time: in order of due time, then of insertion. Plain data, no clock
/// and no lock: the owner brings both.
class TimerQueue {
 public:
  TimerId add(double due_s, std::function<void()> callback);

  /// Removes one timer. @return its callback, empty if there is no such timer
  std::function<void()> take(TimerId id);

  /// Removes the earliest timer that is due at `now_s`. @return its callback, empty if none is due
  std::function<void()> take_due(double now_s);

  std::optional<double> next_due_s() const;

 private:
  std::map<std::pair<double, TimerId>, std::function<void()>> by_time_;
  std::map<TimerId, double> due_s_;
  TimerId next_id_ = 1;
};

}  // namespace polaris
