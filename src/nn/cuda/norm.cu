#include "nn/cuda/norm_blocks.h"
#include "nn/cuda/queue.cuh"

namespace polaris::cuda {

using kernels::Bf16;

template void queue(const NormForward<float>&, std::int64_t, void*);
template void queue(const NormForward<Bf16>&, std::int64_t, void*);
template void queue(const NormBackward<float>&, std::int64_t, void*);
template void queue(const NormBackward<Bf16>&, std::int64_t, void*);
template void queue(const ColumnSums<NormWeightTerm<float>>&, std::int64_t, void*);
template void queue(const ColumnSums<NormWeightTerm<Bf16>>&, std::int64_t, void*);
template void queue(const GatedNormForward<float>&, std::int64_t, void*);
template void queue(const GatedNormForward<Bf16>&, std::int64_t, void*);
template void queue(const GatedNormBackward<float>&, std::int64_t, void*);
template void queue(const GatedNormBackward<Bf16>&, std::int64_t, void*);
template void queue(const ColumnSums<GatedNormWeightTerm<float>>&, std::int64_t, void*);
template void queue(const ColumnSums<GatedNormWeightTerm<Bf16>>&, std::int64_t, void*);

}  // namespace polaris::cuda
