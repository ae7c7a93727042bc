#pragma once

#include <chrono>
#include <deque>
#include <iosfwd>
#include <map>
#include <string>
#include <string_view>

namespace polaris {

/// What several ranks write on standard error, as one text: a line that several of them write is
/// shown once. Lines of rank 0 are shown as they are, at once. Those of others wait a moment, so
/// that rank 0's comes first, and are shown behind "rank 2: ".
class RankLines {
 public:
  using Clock = std::chrono::steady_clock;

  explicit RankLines(std::ostream& out) : out_(out) {}

  /// Bytes as they come; none: the rank has ended, and with it its last line.
  void add(int rank, std::string_view bytes);

  /// Shows what has waited long enough.
  void show() { show_until(Clock::now() - kHold); }

  /// Shows all that is left.
  void finish();

 private:
  static constexpr auto kHold = std::chrono::seconds(2);
  static constexpr std::size_t kRemembered = 1000;

  struct Held {
    int rank = 0;
    std::string line;
    Clock::time_point since;
  };
  void take(int rank, const std::string& line);
  void put(int rank, const std::string& line);
  void show_until(Clock::time_point since);

  std::ostream& out_;
  std::map<int, std::string> unfinished_;
  std::deque<Held> held_;
  std::map<std::string, int> shown_;  // and which rank was first with it
};

}  // namespace polaris
