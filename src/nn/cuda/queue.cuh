/// What defines queue() of blocks.h, for x.cu files: include, then instantiate for each kernel.
#pragma once

#include <cuda_runtime.h>

#include "nn/cuda/blocks.h"
#include "nn/cuda/launch.h"

namespace polaris::cuda {

/// The lanes as threads: one warp, or the threads of a CUDA block.
template <int kCount>
class DeviceBlock {
 public:
  static constexpr int kLanes = kCount;

  template <class Work>
  __device__ void each(const Work& work) const {
    work(lane());
    wait();
  }

  template <class Part>
  __device__ auto sum(const Part& part) const {
    return reduce(part(lane()), [](auto a, auto b) { return a + b; });
  }

  template <class Part>
  __device__ auto max(const Part& part) const {
    return reduce(part(lane()), [](auto a, auto b) { return a > b ? a : b; });
  }

  template <class Part>
  __device__ auto sum_in_order(const Part& part) const {
    static_assert(kLanes == 32);
    const auto own = part(lane());
    auto sum = __shfl_sync(kAllLanes, own, 0);
    for (int lane = 1; lane < kLanes; ++lane) sum += __shfl_sync(kAllLanes, own, lane);
    return sum;
  }

  template <class T, int count>
  __device__ T* shared() const {
    static_assert(kLanes > 32, "several warps of a CUDA block would share it");
    __shared__ T memory[count];
    return memory;
  }

 private:
  static constexpr int kWarps = kLanes / 32;
  static constexpr unsigned kAllLanes = 0xffffffffU;
  static_assert(kLanes % 32 == 0 && (kWarps & (kWarps - 1)) == 0);

  __device__ static int lane() { return static_cast<int>(threadIdx.x) % kLanes; }

  __device__ static void wait() {
    if constexpr (kWarps == 1) {
      __syncwarp();
    } else {
      __syncthreads();
    }
  }

  template <class T, class Combine>
  __device__ static T reduce(T own, const Combine& combine) {
    for (int half = 16; half > 0; half /= 2)
      own = combine(own, __shfl_xor_sync(kAllLanes, own, half));
    if constexpr (kWarps > 1) {
      __shared__ T parts[kWarps];
      if (threadIdx.x % 32 == 0) parts[threadIdx.x / 32] = own;
      __syncthreads();
      own = parts[threadIdx.x % kWarps];
      for (int half = kWarps / 2; half > 0; half /= 2)
        own = combine(own, __shfl_xor_sync(kAllLanes, own, half));
      __syncthreads();  // before the next sum writes to the same place
    }
    return own;
  }
};

constexpr int kThreads = 256;

template <class Kernel>
__global__ void __launch_bounds__(kThreads) run(const Kernel kernel, std::int64_t count) {
  constexpr int kGroups = kThreads / Kernel::kLanes;
  const std::int64_t index = std::int64_t{blockIdx.x} * kGroups + threadIdx.x / Kernel::kLanes;
  if (index < count) kernel(DeviceBlock<Kernel::kLanes>(), index);
}

template <class Kernel>
void queue(const Kernel& kernel, std::int64_t count, void* stream) {
  if (count == 0) return;
  constexpr int kGroups = kThreads / Kernel::kLanes;
  static_assert(Kernel::kLanes == 32 || Kernel::kLanes == kThreads);
  const auto grid = static_cast<unsigned>((count + kGroups - 1) / kGroups);
  run<<<grid, kThreads, 0, static_cast<cudaStream_t>(stream)>>>(kernel, count);
  check_launch(Kernel::kName);
}

}  // namespace polaris::cuda
