#pragma once

#include <filesystem>
#include <memory>
#include <string_view>

#include "base/file_system.h"

namespace polaris {

/// A file that appears whole or not at all: writes go to a file of a unique name beside `path`,
/// commit() puts it in the place of `path`. Destroyed without commit() (an exception, an early
/// return), the old file stays.
///
/// The content is synced before the rename and the folder after it, so a power cut leaves the old
/// file or the new one, never a part. All functions throw Error{kIo}.
class AtomicFile {
 public:
  /// `path` must be absent, a plain file or a link to one: a device would be replaced by a file.
  explicit AtomicFile(const std::filesystem::path& path, FileSystem& files = real_file_system());
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(std::string_view bytes);

  /// Call once, last. When it returns, the new content survives a power cut.
  void commit();

 private:
  FileSystem& files_;
  std::filesystem::path path_;
  std::filesystem::path temporary_;
  std::unique_ptr<WritableFile> file_;  // null once it lies at path_
};

/// AtomicFile for a text that is at hand.
void write_atomically(const std::filesystem::path& path, std::string_view content,
                      FileSystem& files = real_file_system());

/// A folder that appears whole or not at all, such as a checkpoint. Files are written into
/// path(), "<path>.tmp", by any means; commit() makes it `path`, with an entry DONE inside that
/// is there only if all the rest is. Destroyed without commit(), the temporary folder is removed.
///
/// An existing folder at `path` is replaced if it was made by this class or is empty; anything
/// else is refused, so that a mistaken path costs nobody their files. One process at a time may
/// build the same folder. All functions throw Error{kIo}.
class AtomicFolder {
 public:
  /// Makes the temporary folder, and missing ones above it. A temporary folder that a killed
  /// process left behind is removed first.
  explicit AtomicFolder(const std::filesystem::path& path, FileSystem& files = real_file_system());
  ~AtomicFolder();
  AtomicFolder(const AtomicFolder&) = delete;
  AtomicFolder& operator=(const AtomicFolder&) = delete;

  /// Where to write, until commit().
  const std::filesystem::path& path() const { return temporary_; }

  /// Call once, last. Syncs everything below path(); when it returns, the folder survives a power
  /// cut. At every moment before, `path` holds the whole old folder or the whole new one (with the
  /// reservation of FileSystem::exchange).
  void commit();

 private:
  void refuse_foreign_content() const;

  FileSystem& files_;
  std::filesystem::path path_;
  std::filesystem::path temporary_;
  bool is_open_ = true;
};

/// Whether `folder` was committed by AtomicFolder.
bool is_complete_folder(const std::filesystem::path& folder,
                        FileSystem& files = real_file_system());

/// Removes a folder, its DONE first: a crash on the way leaves nothing that looks complete.
void remove_folder(const std::filesystem::path& folder, FileSystem& files = real_file_system());

}  // namespace polaris
