#pragma once

#include <cstdint>
#include <filesystem>

namespace polaris {

/// A name for a living process (or a part of one) that others can ask about: a lock on one byte of
/// a shared file, which the system drops when the process ends, however it ends. No clock, no
/// process number: it holds across containers and restarts.
///
/// Where the file system has no locks nobody seems alive.
class OwnerLock {
 public:
  /// Takes a random name. @throws Error{kIo} if the file cannot be opened
  explicit OwnerLock(const std::filesystem::path& file);
  ~OwnerLock();
  OwnerLock(const OwnerLock&) = delete;
  OwnerLock& operator=(const OwnerLock&) = delete;

  std::int64_t id() const { return id_; }

  /// Whether the owner of that name, another than this one, still lives.
  bool lives(std::int64_t other) const;

 private:
  int descriptor_ = -1;
  std::int64_t id_ = 0;
};

}  // namespace polaris
