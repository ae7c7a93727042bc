#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "base/progress.h"

namespace polaris {

/// Shows on standard error how much of a file is read. Silent for a small file, whose work is over
/// at once, and for what has no size (a pipe).
class FileProgress {
 public:
  FileProgress(const std::string& label, const std::filesystem::path& file);

  /// The first `bytes` are done.
  void reach(std::uint64_t bytes);

 private:
  std::unique_ptr<Progress> progress_;  // null: silent
  std::int64_t shown_mb_ = 0;
};

}  // namespace polaris
