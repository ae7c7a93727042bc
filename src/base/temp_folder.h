#pragma once

#include <stdlib.h>  // mkdtemp is POSIX, not standard C++

#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>

#include "base/error.h"

namespace polaris {

/// A new empty folder for a test (or other work that leaves nothing behind), removed with all it
/// holds at the end of its life.
class TempFolder {
 public:
  explicit TempFolder(const std::filesystem::path& below = std::filesystem::temp_directory_path()) {
    std::string pattern = (below / "polaris-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr)
      throw Error(ErrorCode::kIo, fmt::format("cannot make the folder {}", pattern));
    path_ = pattern;
  }
  ~TempFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }

  /// A path inside: folder / "metrics.jsonl".
  std::filesystem::path operator/(std::string_view name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

}  // namespace polaris
