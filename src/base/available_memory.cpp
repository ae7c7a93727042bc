#include "base/available_memory.h"

#include <sys/resource.h>

#include <algorithm>
#include <fstream>
#include <string>

namespace polaris {
namespace {

std::optional<std::int64_t> first_number(const char* path) {
  std::int64_t value = 0;
  if (std::ifstream(path) >> value && value >= 0) return value;
  return std::nullopt;  // no such file, or "max"
}

}  // namespace

std::optional<std::int64_t> available_memory_bytes() {
  std::optional<std::int64_t> available;
  std::ifstream file("/proc/meminfo");
  std::string name, rest;
  for (std::int64_t kib = 0; file >> name >> kib; std::getline(file, rest)) {
    if (name != "MemAvailable:") continue;
    available = kib * 1024;
    break;
  }
  const auto limit = first_number("/sys/fs/cgroup/memory.max");
  const auto used = first_number("/sys/fs/cgroup/memory.current");
  if (available && limit && used)
    available = std::min(*available, std::max<std::int64_t>(*limit - *used, 0));
  return available;
}

double peak_memory_bytes() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) * 1024.0;  // KiB on Linux
}

}  // namespace polaris
