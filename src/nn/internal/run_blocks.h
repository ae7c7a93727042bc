#pragma once

#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>

#include <cstdint>

#include "nn/cuda/blocks.h"
#include "nn/internal/cuda_stream.h"

namespace polaris::nn {

/// Runs a kernel of nn/cuda/ on `count` indices: queued, where `x` is on a GPU; on the CPU, which
/// has faster kernels of its own, done on return.
template <class Kernel>
void run_blocks(const Kernel& kernel, std::int64_t count, const at::Tensor& x) {
  if (x.is_cuda()) {
    const CudaStream stream(x);
    cuda::queue(kernel, count, stream.get());
    return;
  }
  at::parallel_for(0, count, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) kernel(cuda::HostBlock<Kernel::kLanes>(), i);
  });
}

/// Whether an operation on `x` takes the kernels for a GPU: on a GPU, or while a GpuKernelsOnCpu
/// lives.
bool takes_gpu_kernels(const at::Tensor& x);

/// While one lives, tensors on the CPU go where those on a GPU go, as far as the CPU can do that:
/// for tests. One at a time.
class GpuKernelsOnCpu {
 public:
  GpuKernelsOnCpu();
  ~GpuKernelsOnCpu();
  GpuKernelsOnCpu(const GpuKernelsOnCpu&) = delete;
  GpuKernelsOnCpu& operator=(const GpuKernelsOnCpu&) = delete;
};

}  // namespace polaris::nn
