#include "app/file_progress.h"

#include <unistd.h>

#include <iostream>

#include "base/clock.h"
#include "base/file_system.h"

namespace polaris {
namespace {

constexpr std::uint64_t kMegabyte = 1'000'000;
constexpr std::uint64_t kSmallFile = 8 * kMegabyte;

}  // namespace

FileProgress::FileProgress(const std::string& label, const std::filesystem::path& file) {
  const std::uint64_t size = real_file_system().size(file).value_or(0);
  if (size < kSmallFile) return;
  const auto now = [clock = SystemClock()] { return clock.steady_s(); };
  progress_ = std::make_unique<Progress>(
      std::cerr, style_for(STDERR_FILENO), now,
      Progress::Options{
          .label = label, .total = static_cast<std::int64_t>(size / kMegabyte), .unit = "MB"});
}

void FileProgress::reach(std::uint64_t bytes) {
  const auto mb = static_cast<std::int64_t>(bytes / kMegabyte);
  if (progress_ == nullptr || mb == shown_mb_) return;
  progress_->advance(mb - shown_mb_);
  shown_mb_ = mb;
}

}  // namespace polaris
