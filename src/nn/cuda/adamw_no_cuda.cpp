#include "nn/cuda/adamw_blocks.h"
#include "nn/cuda/no_cuda.h"

namespace polaris::cuda {

using kernels::Bf16;
using kernels::SplitWeights;
using kernels::WholeWeights;

template void queue(const AdamWUpdate<WholeWeights, float>&, std::int64_t, void*);
template void queue(const AdamWUpdate<WholeWeights, Bf16>&, std::int64_t, void*);
template void queue(const AdamWUpdate<SplitWeights, float>&, std::int64_t, void*);
template void queue(const AdamWUpdate<SplitWeights, Bf16>&, std::int64_t, void*);
template void queue(const AdamWUpdate8<WholeWeights>&, std::int64_t, void*);
template void queue(const AdamWUpdate8<SplitWeights>&, std::int64_t, void*);
template void queue(const SumOfSquares<float>&, std::int64_t, void*);
template void queue(const SumOfSquares<double>&, std::int64_t, void*);

}  // namespace polaris::cuda
