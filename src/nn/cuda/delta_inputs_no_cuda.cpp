#include "nn/cuda/delta_inputs_blocks.h"
#include "nn/cuda/no_cuda.h"

namespace polaris::cuda {

using kernels::Bf16;

template void queue(const DeltaInputsForward<float>&, std::int64_t, void*);
template void queue(const DeltaInputsForward<Bf16>&, std::int64_t, void*);
template void queue(const DeltaActivationBackward<float>&, std::int64_t, void*);
template void queue(const DeltaActivationBackward<Bf16>&, std::int64_t, void*);
template void queue(const DeltaConvBackward<float>&, std::int64_t, void*);
template void queue(const DeltaConvBackward<Bf16>&, std::int64_t, void*);
template void queue(const DeltaGatesBackward<float>&, std::int64_t, void*);
template void queue(const DeltaGatesBackward<Bf16>&, std::int64_t, void*);

}  // namespace polaris::cuda
