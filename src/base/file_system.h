#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace polaris {

/// A file open for writing. Destroyed without close(), it is closed and an error is not seen.
class WritableFile {
 public:
  virtual ~WritableFile() = default;

  /// Hands all of `bytes` to the operating system: from then on they survive the end of this
  /// process. Nothing is buffered on our side. After an error a part of them may be in the file.
  virtual void write(std::string_view bytes) = 0;

  /// Returns when everything written is on the disk and survives a power cut. The file's name is
  /// an entry of its folder, which needs a sync of its own.
  virtual void sync() = 0;

  virtual void close() = 0;
};

/// What a name stands for. Links are not followed: a link is kOther, like a device or a pipe.
enum class FileKind { kAbsent, kFile, kFolder, kOther };

struct FolderEntry {
  std::string name;
  FileKind kind = FileKind::kFile;
};

/// The seam under everything that must survive a crash. FaultyFileSystem fails on purpose.
///
/// Every function throws Error{kIo} that names what was tried, the path and the system's reason.
/// Names (creations, renames, removals) survive a power cut once their folder is synced.
/// Several threads may call at once; one WritableFile belongs to one thread.
class FileSystem {
 public:
  virtual ~FileSystem() = default;

  /// Opens a new or emptied file.
  virtual std::unique_ptr<WritableFile> create(const std::filesystem::path& path) = 0;

  /// Opens a file, made if absent, so that every write lands at its end at that time.
  virtual std::unique_ptr<WritableFile> append(const std::filesystem::path& path) = 0;

  /// The whole content; more than `max_bytes` is an error.
  virtual std::string read(const std::filesystem::path& path,
                           std::uintmax_t max_bytes = std::uintmax_t{1} << 30) = 0;

  /// Atomic. A file (or an empty folder) at `to` is replaced.
  virtual void rename(const std::filesystem::path& from, const std::filesystem::path& to) = 0;

  /// Swaps the names of two folders of one file system. Atomic where the file system can do it
  /// (ext4, xfs, btrfs, tmpfs, overlay); elsewhere (NFS, Lustre) three renames through
  /// "<a>.swap": a crash between them leaves both folders whole under other names.
  virtual void exchange(const std::filesystem::path& a, const std::filesystem::path& b) = 0;

  /// Makes `at` a symbolic link to `target`, which may be relative to the folder of `at`. A link or
  /// a file that stands there is replaced, atomically.
  virtual void link(const std::filesystem::path& target, const std::filesystem::path& at) = 0;

  /// Removes a file, a link or an empty folder. An absent one is fine.
  virtual void remove(const std::filesystem::path& path) = 0;

  /// Makes one folder. An existing one is fine.
  virtual void create_directory(const std::filesystem::path& path) = 0;

  /// Returns when the content of a file, or the names in a folder, are on the disk.
  virtual void sync(const std::filesystem::path& path) = 0;

  /// Cuts a file to its first `size` bytes.
  virtual void truncate(const std::filesystem::path& path, std::uintmax_t size) = 0;

  virtual FileKind kind(const std::filesystem::path& path) = 0;

  /// Bytes of a plain file, links followed; nothing for an absent one and for anything else.
  virtual std::optional<std::uintmax_t> size(const std::filesystem::path& path) = 0;

  /// What a folder holds, sorted by name.
  virtual std::vector<FolderEntry> list(const std::filesystem::path& path) = 0;

  // The rest is made of the steps above, so that a crash between two of them can be tested.

  bool exists(const std::filesystem::path& path) { return kind(path) != FileKind::kAbsent; }

  /// Makes a folder and the missing ones above it; they survive a power cut.
  void create_directories(const std::filesystem::path& path);

  /// Removes a file, or a folder with all it holds; not what links in it lead to.
  void remove_all(const std::filesystem::path& path);
};

/// The machine's files.
FileSystem& real_file_system();

/// The folder that holds `path`: "." for a bare name.
std::filesystem::path folder_of(const std::filesystem::path& path);

/// Swaps two folders by three renames, for file systems that cannot do it in one step.
void exchange_by_renaming(FileSystem& files, const std::filesystem::path& a,
                          const std::filesystem::path& b);

}  // namespace polaris
