#include "base/error.h"
#include "nn/cuda/launch.h"

namespace polaris::cuda {

void throw_launch_error(const char* kernel, const char* reason, bool out_of_memory) {
  throw Error(out_of_memory ? ErrorCode::kOutOfMemory : ErrorCode::kInternal,
              fmt::format("kernel {}: {}", kernel, reason));
}

}  // namespace polaris::cuda
