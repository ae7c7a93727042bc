#include "app/this_machine.h"

#include <dlfcn.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <memory>

namespace polaris {
namespace {

struct CloseLibrary {
  void operator()(void* library) const { ::dlclose(library); }
};
using Library = std::unique_ptr<void, CloseLibrary>;

template <class Function>
Function* symbol(const Library& library, const char* name) {
  return reinterpret_cast<Function*>(::dlsym(library.get(), name));
}

}  // namespace

std::int64_t host_memory_bytes() {
  std::int64_t bytes = static_cast<std::int64_t>(::sysconf(_SC_PHYS_PAGES)) *
                       static_cast<std::int64_t>(::sysconf(_SC_PAGE_SIZE));
  for (const char* file :
       {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"}) {
    std::int64_t limit = 0;  // "max" is no number: no limit
    if (std::ifstream(file) >> limit && limit > 0) bytes = std::min(bytes, limit);
  }
  return bytes;
}

std::optional<Gpu> cuda_gpu(int index) {
  // The driver API by its published signatures; every call gives 0 when it succeeded.
  const Library driver(::dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL));
  if (!driver) return std::nullopt;
  auto* initialise = symbol<int(unsigned)>(driver, "cuInit");
  auto* device_get = symbol<int(int*, int)>(driver, "cuDeviceGet");
  auto* device_name = symbol<int(char*, int, int)>(driver, "cuDeviceGetName");
  auto* total_memory = symbol<int(std::size_t*, int)>(driver, "cuDeviceTotalMem_v2");
  if (!initialise || !device_get || !device_name || !total_memory) return std::nullopt;
  int device = 0;
  std::size_t bytes = 0;
  std::array<char, 256> name = {};
  if (initialise(0) != 0 || device_get(&device, index) != 0 || total_memory(&bytes, device) != 0 ||
      device_name(name.data(), static_cast<int>(name.size()) - 1, device) != 0)
    return std::nullopt;
  return Gpu{name.data(), static_cast<std::int64_t>(bytes)};
}

}  // namespace polaris
