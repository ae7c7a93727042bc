#include "base/atomic_file.h"

#include <fmt/core.h>
#include <unistd.h>

#include <atomic>
#include <system_error>

#include "base/error.h"

namespace polaris {
namespace {

namespace fs = std::filesystem;

constexpr const char* kDone = "DONE";

/// Absolute, so that a later change of the working directory moves nothing; links followed, so
/// that a link stays one; without the slash that people type after the name of a folder.
fs::path settled(const fs::path& path) {
  std::error_code failure;
  const fs::path full = fs::weakly_canonical(fs::absolute(path, failure), failure);
  if (failure)
    throw Error(ErrorCode::kIo,
                fmt::format("cannot resolve {}: {}", path.string(), failure.message()));
  return full.has_filename() ? full : full.parent_path();
}

fs::path unique_name_beside(const fs::path& path) {
  static std::atomic<unsigned> count = 0;
  return fmt::format("{}.{}-{}.tmp", path.string(), ::getpid(), count++);
}

void sync_tree(const fs::path& folder, FileSystem& files) {
  for (const FolderEntry& entry : files.list(folder)) {
    const fs::path path = folder / entry.name;
    if (entry.kind == FileKind::kFolder) sync_tree(path, files);
    if (entry.kind == FileKind::kFile) files.sync(path);
  }
  files.sync(folder);
}

}  // namespace

AtomicFile::AtomicFile(const fs::path& path, FileSystem& files)
    : files_(files), path_(settled(path)), temporary_(unique_name_beside(path_)) {
  const FileKind kind = files_.kind(path_);
  if (kind != FileKind::kAbsent && kind != FileKind::kFile)
    throw Error(
        ErrorCode::kIo,
        fmt::format("cannot write {}: it is {}; give the name of a plain file", path_.string(),
                    kind == FileKind::kFolder ? "a folder" : "a device or a broken link"));
  file_ = files_.create(temporary_);
}

AtomicFile::~AtomicFile() {
  if (!file_) return;
  file_.reset();
  try {
    files_.remove(temporary_);
  } catch (...) {  // we may be unwinding: nobody is left to report to
  }
}

void AtomicFile::write(std::string_view bytes) {
  POLARIS_CHECK(file_ != nullptr, "{} is committed", path_.string());
  file_->write(bytes);
}

void AtomicFile::commit() {
  POLARIS_CHECK(file_ != nullptr, "{} is committed", path_.string());
  file_->sync();
  file_->close();
  files_.rename(temporary_, path_);
  file_.reset();
  files_.sync(folder_of(path_));
}

void write_atomically(const fs::path& path, std::string_view content, FileSystem& files) {
  AtomicFile file(path, files);
  file.write(content);
  file.commit();
}

AtomicFolder::AtomicFolder(const fs::path& path, FileSystem& files)
    : files_(files), path_(settled(path)), temporary_(path_.string() + ".tmp") {
  refuse_foreign_content();
  remove_folder(temporary_, files_);
  files_.create_directories(folder_of(path_));
  files_.create_directory(temporary_);
}

AtomicFolder::~AtomicFolder() {
  if (!is_open_) return;
  try {
    remove_folder(temporary_, files_);
  } catch (...) {  // as above; the next AtomicFolder for this path tries again
  }
}

void AtomicFolder::commit() {
  POLARIS_CHECK(is_open_, "{} is committed", path_.string());
  sync_tree(temporary_, files_);
  const auto done = files_.create(temporary_ / kDone);
  done->write("complete\n");
  done->sync();
  done->close();
  files_.sync(temporary_);

  refuse_foreign_content();
  const bool replaces = is_complete_folder(path_, files_);
  if (replaces) {
    files_.exchange(path_, temporary_);
  } else {
    files_.rename(temporary_, path_);
  }
  is_open_ = false;  // from here on temporary_ is the old folder, and kept if the next line fails
  files_.sync(folder_of(path_));
  if (!replaces) return;
  try {
    remove_folder(temporary_, files_);
  } catch (const Error&) {  // committed all the same; the next AtomicFolder here tries again
  }
}

void AtomicFolder::refuse_foreign_content() const {
  const FileKind kind = files_.kind(path_);
  if (kind == FileKind::kAbsent || is_complete_folder(path_, files_)) return;
  if (kind == FileKind::kFolder && files_.list(path_).empty()) return;
  throw Error(ErrorCode::kIo,
              fmt::format("{} exists and is not a complete folder of ours (no DONE inside): give "
                          "another name or remove it",
                          path_.string()));
}

bool is_complete_folder(const fs::path& folder, FileSystem& files) {
  return files.kind(folder / kDone) == FileKind::kFile;
}

void remove_folder(const fs::path& folder, FileSystem& files) {
  if (is_complete_folder(folder, files)) {
    files.remove(folder / kDone);
    files.sync(folder);
  }
  files.remove_all(folder);
}

}  // namespace polaris
