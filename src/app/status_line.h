#pragma once

#include <string>

namespace polaris {

/// The last row of a terminal, kept for a line of figures while text scrolls above it. Where the
/// descriptor leads to no terminal, or to one of fewer than three rows, nothing is shown.
class StatusLine {
 public:
  explicit StatusLine(int descriptor);
  ~StatusLine();  ///< gives the row back, empty
  StatusLine(const StatusLine&) = delete;
  StatusLine& operator=(const StatusLine&) = delete;

  /// Shows `text`, cut to the width; at most ten times a second, later calls are left out.
  void show(const std::string& text, double now_s);

 private:
  void put(const std::string& bytes) const;

  int descriptor_;
  int rows_ = 0;  // 0: nothing is shown
  int columns_ = 0;
  double shown_s_ = -1.0;
};

}  // namespace polaris
