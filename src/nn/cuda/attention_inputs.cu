#include "nn/cuda/attention_inputs_blocks.h"
#include "nn/cuda/queue.cuh"

namespace polaris::cuda {

using kernels::Bf16;

template void queue(const AttentionInputsForward<float>&, std::int64_t, void*);
template void queue(const AttentionInputsForward<Bf16>&, std::int64_t, void*);
template void queue(const AttentionInputsBackward<float>&, std::int64_t, void*);
template void queue(const AttentionInputsBackward<Bf16>&, std::int64_t, void*);
template void queue(const ColumnSums<HeadNormTerm<float>>&, std::int64_t, void*);
template void queue(const ColumnSums<HeadNormTerm<Bf16>>&, std::int64_t, void*);

}  // namespace polaris::cuda
