#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace polaris {

/// Memory that programs on this machine share: what is built in, or what its container may use.
std::int64_t host_memory_bytes();

struct Gpu {
  std::string name;
  std::int64_t bytes = 0;
};

/// What the driver of this machine says about its CUDA device `index`. Nothing if there is no
/// driver or no such device. Starts no context and needs no CUDA library but the driver's.
std::optional<Gpu> cuda_gpu(int index);

}  // namespace polaris
