/// What defines queue() of blocks.h where there is no CUDA, for x_no_cuda.cpp files.
#pragma once

#include "base/error.h"
#include "nn/cuda/blocks.h"

namespace polaris::cuda {

template <class Kernel>
void queue(const Kernel& /*kernel*/, std::int64_t /*count*/, void* /*stream*/) {
  throw Error(ErrorCode::kInternal, "this build has no CUDA kernels (configure POLARIS_CUDA=ON)");
}

}  // namespace polaris::cuda
