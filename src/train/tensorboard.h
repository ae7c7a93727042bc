#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/file_system.h"

namespace polaris {

/// Event files that TensorBoard shows: the numbers of metrics.jsonl under the same names.
///
/// Every start of a run begins a file of its own and declares what earlier ones hold from
/// `first_step` on void, so that a resumed run leaves no double curves, and a record that a killed
/// process left half-written harms nothing: readers stop there and go on with the next file.
class TensorBoardLog {
 public:
  /// Makes the folder if it is missing.
  /// @param first_step  the first step that will be written; the checkpoint's plus one on resume
  /// @throws Error{kIo}, as all functions here
  TensorBoardLog(const std::filesystem::path& folder, FileSystem& files, const Clock& clock,
                 std::int64_t first_step);

  /// Hands the numbers of a step to the system in one write. Not synced: metrics.jsonl is the
  /// record, this is a view of it.
  void write(std::int64_t step, const std::map<std::string, double>& values);

 private:
  const Clock& clock_;
  std::unique_ptr<WritableFile> file_;
};

}  // namespace polaris
