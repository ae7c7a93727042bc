#include "app/status_line.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

namespace polaris {
namespace {

// Control sequences of ECMA-48 and DEC's terminals, which every terminal of today understands.
constexpr const char* kSaveCursor = "\0337";
constexpr const char* kRestoreCursor = "\0338";
constexpr const char* kEraseLine = "\033[2K";
constexpr const char* kScrollEverywhere = "\033[r";

}  // namespace

StatusLine::StatusLine(int descriptor) : descriptor_(descriptor) {
  winsize size{};
  if (::isatty(descriptor) == 0 || ::ioctl(descriptor, TIOCGWINSZ, &size) != 0 || size.ws_row < 3)
    return;
  rows_ = size.ws_row;
  columns_ = size.ws_col;
  // A line feed first, so that the cursor is not in the row that is taken away.
  put(fmt::format("\n{}\033[1;{}r{}\033[1A", kSaveCursor, rows_ - 1, kRestoreCursor));
}

StatusLine::~StatusLine() {
  if (rows_ == 0) return;
  put(fmt::format("{}{}\033[{};1H{}{}", kSaveCursor, kScrollEverywhere, rows_, kEraseLine,
                  kRestoreCursor));
}

void StatusLine::show(const std::string& text, double now_s) {
  constexpr double kInterval_s = 0.1;
  if (rows_ == 0 || (shown_s_ >= 0 && now_s - shown_s_ < kInterval_s)) return;
  shown_s_ = now_s;
  put(fmt::format("{}\033[{};1H{}{}{}", kSaveCursor, rows_, kEraseLine,
                  text.substr(0, static_cast<std::size_t>(columns_)), kRestoreCursor));
}

void StatusLine::put(const std::string& bytes) const {
  // A terminal that takes nothing only loses the figures.
  [[maybe_unused]] const auto written = ::write(descriptor_, bytes.data(), bytes.size());
}

}  // namespace polaris
