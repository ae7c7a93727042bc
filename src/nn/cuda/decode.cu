#include "nn/cuda/decode_delta_blocks.h"
#include "nn/cuda/decode_draw_blocks.h"
#include "nn/cuda/decode_rows_blocks.h"
#include "nn/cuda/queue.cuh"

namespace polaris::cuda {

using kernels::Bf16;

template void queue(const BeginStep&, std::int64_t, void*);
template void queue(const WriteHeads<float>&, std::int64_t, void*);
template void queue(const WriteHeads<Bf16>&, std::int64_t, void*);
template void queue(const ConvolveToken<float>&, std::int64_t, void*);
template void queue(const ConvolveToken<Bf16>&, std::int64_t, void*);
template void queue(const DeltaStep<float, 1>&, std::int64_t, void*);
template void queue(const DeltaStep<float, 2>&, std::int64_t, void*);
template void queue(const DeltaStep<float, 4>&, std::int64_t, void*);
template void queue(const DeltaStep<float, 8>&, std::int64_t, void*);
template void queue(const DeltaStep<float, 16>&, std::int64_t, void*);
template void queue(const DeltaStep<Bf16, 1>&, std::int64_t, void*);
template void queue(const DeltaStep<Bf16, 2>&, std::int64_t, void*);
template void queue(const DeltaStep<Bf16, 4>&, std::int64_t, void*);
template void queue(const DeltaStep<Bf16, 8>&, std::int64_t, void*);
template void queue(const DeltaStep<Bf16, 16>&, std::int64_t, void*);
template void queue(const DrawToken&, std::int64_t, void*);

}  // namespace polaris::cuda
