#include "nn/internal/cuda_stream.h"

#include <c10/core/impl/DeviceGuardImplInterface.h>

#include "base/error.h"

namespace polaris::nn {

CudaStream::CudaStream(const at::Tensor& x) : guard_(x.device()), stream_(nullptr) {
  POLARIS_CHECK(x.is_cuda(), "a stream for a tensor that is not on a CUDA device");
  stream_ = c10::impl::getDeviceGuardImpl(x.device().type())->getStream(x.device()).native_handle();
}

}  // namespace polaris::nn
