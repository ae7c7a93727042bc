#include "nn/cuda/head_blocks.h"
#include "nn/cuda/no_cuda.h"

namespace polaris::cuda {

template void queue(const LogitScores&, std::int64_t, void*);
template void queue(const LogitGradient<float>&, std::int64_t, void*);
template void queue(const LogitGradient<kernels::Bf16>&, std::int64_t, void*);

}  // namespace polaris::cuda
