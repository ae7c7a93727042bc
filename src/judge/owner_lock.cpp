#include "judge/owner_lock.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <random>

#include "base/error.h"

namespace polaris {
namespace {

struct flock byte_at(std::int64_t place) {
  struct flock lock = {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  lock.l_start = place;
  lock.l_len = 1;
  return lock;
}

}  // namespace

OwnerLock::OwnerLock(const std::filesystem::path& file)
    : descriptor_(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)) {
  if (descriptor_ < 0)
    throw Error(ErrorCode::kIo,
                fmt::format("cannot open {}: {}", file.string(), std::strerror(errno)));
  std::random_device random;
  id_ = (static_cast<std::int64_t>(random() & 0x3FFFFFFFU) << 32) | random();
  struct flock lock = byte_at(id_);
  ::fcntl(descriptor_, F_OFD_SETLK, &lock);  // without locks nobody seems alive, as documented
}

OwnerLock::~OwnerLock() { ::close(descriptor_); }

bool OwnerLock::lives(std::int64_t other) const {
  if (other == id_) return false;
  struct flock lock = byte_at(other);
  return ::fcntl(descriptor_, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

}  // namespace polaris
