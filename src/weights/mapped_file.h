#pragma once

#include <cstddef>
#include <filesystem>
#include <span>

namespace polaris {

/// The bytes of a file, read-only, without a copy: pages come from the disk when they are first
/// touched. The file must not shrink while it is mapped.
class MappedFile {
 public:
  /// Follows symbolic links. An empty file gives an empty span.
  /// @throws Error{kIo} naming the path: missing, unreadable, a loop of links, not a regular file
  explicit MappedFile(std::filesystem::path path);
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;

  const std::filesystem::path& path() const { return path_; }
  std::span<const std::byte> bytes() const { return bytes_; }

 private:
  std::filesystem::path path_;
  std::span<const std::byte> bytes_;
};

}  // namespace polaris
