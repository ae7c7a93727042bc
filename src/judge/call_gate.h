#pragma once

#include <cstdint>

namespace polaris {

/// How many calls may be in flight: as many as configured while the server keeps up, half after it
/// says that it does not, one more again per 20 successes. Plain data, no clock and no lock.
/// Source: specs/evaluation.md 10.6.
class CallGate {
 public:
  explicit CallGate(std::int64_t limit) : most_(limit), limit_(limit) {}

  /// Calls of one wave get the same answer from an overloaded server: the wave halves once.
  using Wave = std::int64_t;

  bool has_room() const { return in_flight_ < limit_; }
  Wave start() {
    ++in_flight_;
    return wave_;
  }

  /// Every start() ends in one of these.
  void succeeded();
  void overloaded(Wave wave);
  void ended() { --in_flight_; }

  /// Nobody is to start before that time.
  void close_until(double time_s) {
    if (time_s > closed_until_s_) closed_until_s_ = time_s;
  }
  double closed_until_s() const { return closed_until_s_; }

  std::int64_t in_flight() const { return in_flight_; }
  std::int64_t limit() const { return limit_; }

 private:
  std::int64_t most_;
  std::int64_t limit_;
  std::int64_t in_flight_ = 0;
  std::int64_t successes_ = 0;
  Wave wave_ = 0;
  double closed_until_s_ = 0.0;
};

}  // namespace polaris
