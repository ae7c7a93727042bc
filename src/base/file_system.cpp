#include "base/file_system.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <system_error>
#include <utility>

#include "base/error.h"

namespace polaris {
namespace {

namespace fs = std::filesystem;

Error io_error(std::string_view doing, const fs::path& path, int reason) {
  const bool is_full = reason == ENOSPC || reason == EDQUOT;
  return {ErrorCode::kIo, fmt::format("cannot {} {}: {}{}", doing, path.string(),
                                      std::generic_category().message(reason),
                                      is_full ? "; is the disk full?" : "")};
}

/// Calls again while a signal gets in the way.
template <class Call>
auto uninterrupted(Call&& call) {
  while (true) {
    const auto result = call();
    if (result >= 0 || errno != EINTR) return result;
  }
}

/// An open file descriptor.
class Descriptor {
 public:
  Descriptor(const fs::path& path, int flags, std::string_view doing)
      : fd_(uninterrupted([&] { return ::open(path.c_str(), flags | O_CLOEXEC, 0666); })) {
    if (fd_ < 0) throw io_error(doing, path, errno);
  }
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

void sync_descriptor(int fd, const fs::path& path) {
  // EINVAL: a pipe or a device has nothing to sync.
  if (uninterrupted([&] { return ::fsync(fd); }) != 0 && errno != EINVAL)
    throw io_error("sync", path, errno);
}

class RealFile final : public WritableFile {
 public:
  RealFile(const fs::path& path, int flags)
      : path_(path), file_(path, O_WRONLY | O_CREAT | flags, "open for writing") {}

  void write(std::string_view bytes) override {
    while (!bytes.empty()) {
      const auto written =
          uninterrupted([&] { return ::write(file_.get(), bytes.data(), bytes.size()); });
      if (written < 0) throw io_error("write", path_, errno);
      bytes.remove_prefix(static_cast<std::size_t>(written));
    }
  }

  void sync() override { sync_descriptor(file_.get(), path_); }

  void close() override {
    // EINTR: Linux has closed it all the same, and the number may be somebody else's by now.
    if (::close(file_.release()) != 0 && errno != EINTR) throw io_error("close", path_, errno);
  }

 private:
  fs::path path_;
  Descriptor file_;
};

FileKind kind_of(mode_t mode) {
  if (S_ISREG(mode)) return FileKind::kFile;
  return S_ISDIR(mode) ? FileKind::kFolder : FileKind::kOther;
}

bool means_absent(int reason) { return reason == ENOENT || reason == ENOTDIR; }

class RealFileSystem final : public FileSystem {
 public:
  std::unique_ptr<WritableFile> create(const fs::path& path) override {
    return std::make_unique<RealFile>(path, O_TRUNC);
  }

  std::unique_ptr<WritableFile> append(const fs::path& path) override {
    return std::make_unique<RealFile>(path, O_APPEND);
  }

  std::string read(const fs::path& path, std::uintmax_t max_bytes) override {
    const Descriptor file(path, O_RDONLY, "read");
    std::string content;
    if (const auto bytes = size(path)) content.reserve(std::min(*bytes, max_bytes));
    std::array<char, 1 << 16> block;
    while (true) {
      const auto count =
          uninterrupted([&] { return ::read(file.get(), block.data(), block.size()); });
      if (count < 0) throw io_error("read", path, errno);
      if (count == 0) return content;
      content.append(block.data(), static_cast<std::size_t>(count));
      if (content.size() > max_bytes)
        throw Error(ErrorCode::kIo, fmt::format("cannot read {}: it has more than {} bytes",
                                                path.string(), max_bytes));
    }
  }

  void rename(const fs::path& from, const fs::path& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0)
      throw io_error(fmt::format("rename {} to", from.string()), to, errno);
  }

  void exchange(const fs::path& a, const fs::path& b) override {
#ifdef RENAME_EXCHANGE
    if (::renameat2(AT_FDCWD, a.c_str(), AT_FDCWD, b.c_str(), RENAME_EXCHANGE) == 0) return;
    if (errno != EINVAL && errno != ENOSYS && errno != ENOTSUP)
      throw io_error(fmt::format("exchange {} with", a.string()), b, errno);
#endif
    exchange_by_renaming(*this, a, b);
  }

  void link(const fs::path& target, const fs::path& at) override {
    fs::path temporary = at;
    temporary += ".tmp";
    remove(temporary);  // of a killed process
    if (::symlink(target.c_str(), temporary.c_str()) != 0) throw io_error("link", at, errno);
    rename(temporary, at);
  }

  void remove(const fs::path& path) override {
    if (std::remove(path.c_str()) != 0 && errno != ENOENT) throw io_error("remove", path, errno);
  }

  void create_directory(const fs::path& path) override {
    if (::mkdir(path.c_str(), 0777) == 0) return;
    const int reason = errno;
    std::error_code ignored;  // the reason why mkdir failed is the one to tell
    if (reason != EEXIST || !fs::is_directory(path, ignored))
      throw io_error("make the folder", path, reason);
  }

  void sync(const fs::path& path) override {
    const Descriptor file(path, O_RDONLY, "sync");
    sync_descriptor(file.get(), path);
  }

  void truncate(const fs::path& path, std::uintmax_t size) override {
    if (uninterrupted([&] { return ::truncate(path.c_str(), static_cast<off_t>(size)); }) != 0)
      throw io_error("cut", path, errno);
  }

  FileKind kind(const fs::path& path) override {
    struct stat status;
    if (::lstat(path.c_str(), &status) == 0) return kind_of(status.st_mode);
    if (means_absent(errno)) return FileKind::kAbsent;
    throw io_error("look at", path, errno);
  }

  std::optional<std::uintmax_t> size(const fs::path& path) override {
    struct stat status;
    if (::stat(path.c_str(), &status) == 0) {
      if (!S_ISREG(status.st_mode)) return std::nullopt;
      return static_cast<std::uintmax_t>(status.st_size);
    }
    if (means_absent(errno)) return std::nullopt;
    throw io_error("look at", path, errno);
  }

  std::vector<FolderEntry> list(const fs::path& path) override {
    std::vector<FolderEntry> entries;
    std::error_code failure;
    fs::directory_iterator entry(path, failure);
    for (; !failure && entry != fs::directory_iterator(); entry.increment(failure)) {
      entries.push_back({entry->path().filename().string(), kind(entry->path())});
    }
    if (failure) throw io_error("list", path, failure.value());
    std::sort(entries.begin(), entries.end(),
              [](const FolderEntry& a, const FolderEntry& b) { return a.name < b.name; });
    return entries;
  }
};

}  // namespace

void FileSystem::create_directories(const fs::path& path) {
  const bool is_new = !exists(path);
  if (is_new) create_directories(folder_of(path));
  create_directory(path);
  if (is_new) sync(folder_of(path));
}

void FileSystem::remove_all(const fs::path& path) {
  if (kind(path) == FileKind::kFolder) {
    for (const FolderEntry& entry : list(path)) remove_all(path / entry.name);
  }
  remove(path);
}

FileSystem& real_file_system() {
  static RealFileSystem files;
  return files;
}

fs::path folder_of(const fs::path& path) {
  return path.has_parent_path() ? path.parent_path() : fs::path(".");
}

void exchange_by_renaming(FileSystem& files, const fs::path& a, const fs::path& b) {
  const fs::path aside = a.string() + ".swap";
  files.rename(a, aside);
  files.rename(b, a);
  files.rename(aside, b);
}

}  // namespace polaris
