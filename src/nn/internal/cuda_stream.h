#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/DeviceGuard.h>

namespace polaris::nn {

/// Where kernels that read and write a tensor go: libtorch's own current stream of its device, so
/// that they take their turn among its operations. The device is the current one while this lives.
/// Needs no header of CUDA, and compiles where there is none.
class CudaStream {
 public:
  /// @param x  on a CUDA device
  explicit CudaStream(const at::Tensor& x);

  /// A cudaStream_t.
  void* get() const { return stream_; }

 private:
  c10::DeviceGuard guard_;
  void* stream_;
};

}  // namespace polaris::nn
