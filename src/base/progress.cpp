#include "base/progress.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "base/strings.h"

namespace polaris {
namespace {

constexpr double kRedrawInterval_s = 0.1;
constexpr double kPlainInterval_s = 10.0;
constexpr int kMinBar = 10;  // columns between the brackets
constexpr int kMaxBar = 30;

std::string human_rate(double per_s) {
  if (per_s >= 100.0) return fmt::format("{:.0f}/s", per_s);
  if (per_s >= 1.0) return fmt::format("{:.1f}/s", per_s);
  if (per_s * 60.0 >= 1.0) return fmt::format("{:.1f}/min", per_s * 60.0);
  return fmt::format("{:.1f}/h", per_s * 3600.0);
}

std::string bar(double fraction, int width) {
  const int filled = static_cast<int>(std::clamp(fraction, 0.0, 1.0) * width);
  std::string line(static_cast<std::size_t>(filled), '=');
  if (filled < width) line += '>';
  line.resize(static_cast<std::size_t>(width), ' ');
  return '[' + line + ']';
}

}  // namespace

ProgressStyle style_for(int fd) {
  ProgressStyle style = {.is_terminal = ::isatty(fd) == 1};
  winsize size = {};
  if (style.is_terminal && ::ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
    style.width = size.ws_col;
  return style;
}

Progress::Progress(std::ostream& out, ProgressStyle style, std::function<double()> now,
                   Options options)
    : out_(out),
      style_(style),
      now_(std::move(now)),
      options_(std::move(options)),
      start_s_(now_()) {
  now_s_ = start_s_;
  draw(/*is_last=*/false);
}

Progress::~Progress() {
  try {
    const std::lock_guard lock(mutex_);
    now_s_ = now_();
    draw(/*is_last=*/true);
  } catch (...) {  // a stream that throws must not end the program from here
  }
}

void Progress::advance(std::int64_t count) {
  const std::lock_guard lock(mutex_);
  done_ += count;
  report();
}

void Progress::skip(std::int64_t count) {
  const std::lock_guard lock(mutex_);
  done_ += count;
  skipped_ += count;
  report();
}

void Progress::set_suffix(std::string suffix) {
  const std::lock_guard lock(mutex_);
  suffix_ = std::move(suffix);
}

void Progress::report() {
  now_s_ = now_();
  const double interval_s = style_.is_terminal ? kRedrawInterval_s : kPlainInterval_s;
  if (now_s_ - drawn_s_ >= interval_s) draw(/*is_last=*/false);
}

void Progress::draw(bool is_last) {
  drawn_s_ = now_s_;
  if (style_.is_terminal) {
    // \x1b[K clears what an earlier, longer line has left to the right.
    out_ << '\r' << terminal_line(figures("  ", is_last)) << "\x1b[K";
    if (is_last) out_ << '\n';
  } else {
    out_ << plain_line(figures(", ", is_last)) << '\n';
  }
  out_.flush();
}

std::string Progress::terminal_line(const std::string& figures) const {
  std::string line = options_.label + ' ';
  if (options_.total) {
    // The last column stays free: some terminals wrap when it is written.
    const int room = style_.width - 1 - static_cast<int>(line.size() + figures.size()) - 3;
    const double fraction = *options_.total > 0 ? static_cast<double>(done_) / *options_.total : 1;
    if (room >= kMinBar) line += bar(fraction, std::min(room, kMaxBar)) + ' ';
  }
  return shorten(line + figures, static_cast<std::size_t>(std::max(style_.width - 1, 1)));
}

std::string Progress::plain_line(const std::string& figures) const {
  return fmt::format("{}: {}", options_.label, figures);
}

/// Count, rate, time left (or taken) and suffix.
std::string Progress::figures(const char* separator, bool is_last) const {
  std::string text = std::to_string(done_);
  if (options_.total) text += fmt::format("/{}", *options_.total);
  if (!options_.unit.empty()) text += ' ' + options_.unit;
  if (!style_.is_terminal && options_.total.value_or(0) > 0)
    text += fmt::format(" ({} %)", 100 * done_ / *options_.total);

  const double elapsed_s = now_s_ - start_s_;
  const std::int64_t done_here = done_ - skipped_;
  if (done_here > 0 && elapsed_s > 0.0) {
    const double per_s = static_cast<double>(done_here) / elapsed_s;
    text += separator + human_rate(per_s);
    if (!is_last && options_.total && *options_.total > done_) {
      text += fmt::format("{}ETA {}", separator,
                          human_seconds(static_cast<double>(*options_.total - done_) / per_s));
    }
  }
  if (is_last) text += fmt::format("{}in {}", separator, human_seconds(elapsed_s));
  if (!suffix_.empty()) text += separator + suffix_;
  return text;
}

}  // namespace polaris
