#include "nn/internal/run_blocks.h"

#include <atomic>

namespace polaris::nn {
namespace {

std::atomic<bool> on_cpu_too = false;

}  // namespace

bool takes_gpu_kernels(const at::Tensor& x) {
  return x.is_cuda() || (x.is_cpu() && on_cpu_too.load(std::memory_order_relaxed));
}

GpuKernelsOnCpu::GpuKernelsOnCpu() { on_cpu_too = true; }
GpuKernelsOnCpu::~GpuKernelsOnCpu() { on_cpu_too = false; }

}  // namespace polaris::nn
