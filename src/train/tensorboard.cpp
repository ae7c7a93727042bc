#include "train/tensorboard.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <string_view>

#include "train/event_file.h"

namespace polaris {
namespace {

constexpr std::string_view kPrefix = "events.out.tfevents.";

/// TensorBoard reads the files of a folder in the order of their names, which is that of the
/// seconds in them. So a name has the present second, or one more than the last file's if the
/// clock stands still or went back.
std::string next_name(const std::filesystem::path& folder, FileSystem& files, double wall_s) {
  auto second = static_cast<std::int64_t>(wall_s);
  for (const FolderEntry& entry : files.list(folder)) {
    if (!entry.name.starts_with(kPrefix)) continue;
    std::int64_t taken = 0;
    const char* begin = entry.name.data() + kPrefix.size();
    std::from_chars(begin, entry.name.data() + entry.name.size(), taken);
    second = std::max(second, taken + 1);
  }
  return fmt::format("{}{:010}.polaris", kPrefix, second);
}

}  // namespace

TensorBoardLog::TensorBoardLog(const std::filesystem::path& folder, FileSystem& files,
                               const Clock& clock, std::int64_t first_step)
    : clock_(clock) {
  files.create_directories(folder);
  const double now_s = clock.wall_s();
  file_ = files.create(folder / next_name(folder, files, now_s));
  file_->write(tf_record(version_event(now_s)) + tf_record(start_event(now_s, first_step)));
}

void TensorBoardLog::write(std::int64_t step, const std::map<std::string, double>& values) {
  file_->write(tf_record(scalar_event(clock_.wall_s(), step, values)));
}

}  // namespace polaris
