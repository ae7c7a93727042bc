#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <ostream>
#include <string>

namespace polaris {

/// How progress is shown: one line drawn again and again on a terminal, plain lines elsewhere.
struct ProgressStyle {
  bool is_terminal = false;
  int width = 80;  ///< columns of the terminal
};

/// For what a file descriptor leads to.
ProgressStyle style_for(int fd);

/// Shows how far a long piece of work is: done of total, rate, expected time left.
///
///   terminal   stories [=======>        ] 123/500  4.1/s  ETA 1 min 32 s  $0.42
///   plain      stories: 123/500 (24 %), 4.1/s, ETA 1 min 32 s, $0.42
///
/// The terminal's line is drawn again at most ten times a second and fits its width. Plain lines
/// come at most every 10 s, besides the first and the last. The last one, drawn by the destructor,
/// tells the time taken. Any thread may report.
class Progress {
 public:
  struct Options {
    std::string label;                  ///< what is done or counted: "stories"
    std::optional<std::int64_t> total;  ///< absent: not known, then neither bar nor ETA
    std::string unit = "";              ///< after the count: "tokens"
  };

  /// @param out  outlives this object; nothing else writes to it meanwhile
  /// @param now  seconds of a clock that never goes back
  Progress(std::ostream& out, ProgressStyle style, std::function<double()> now, Options options);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// `count` more are done.
  void advance(std::int64_t count = 1);

  /// `count` more were done by an earlier run: they move the bar but not the rate.
  void skip(std::int64_t count);

  /// Free text at the end of the line, such as the cost so far. Shown with the next report.
  void set_suffix(std::string suffix);

 private:
  void report();
  void draw(bool is_last);
  std::string terminal_line(const std::string& figures) const;
  std::string plain_line(const std::string& figures) const;
  std::string figures(const char* separator, bool is_last) const;

  std::ostream& out_;
  const ProgressStyle style_;
  const std::function<double()> now_;
  const Options options_;
  const double start_s_;
  mutable std::mutex mutex_;
  double drawn_s_ = 0.0;  // when the line was drawn last
  double now_s_ = 0.0;
  std::int64_t done_ = 0;
  std::int64_t skipped_ = 0;
  std::string suffix_;
};

}  // namespace polaris
