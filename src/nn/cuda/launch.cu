#include <cuda_runtime_api.h>

#include "nn/cuda/launch.h"

namespace polaris::cuda {

void check_launch(const char* kernel) {
  const cudaError_t status = cudaGetLastError();
  if (status != cudaSuccess)
    throw_launch_error(kernel, cudaGetErrorString(status), status == cudaErrorMemoryAllocation);
}

}  // namespace polaris::cuda
