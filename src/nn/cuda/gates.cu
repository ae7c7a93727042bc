#include "nn/cuda/gate_blocks.h"
#include "nn/cuda/queue.cuh"

namespace polaris::cuda {

using kernels::Bf16;

template void queue(const SiluMul<float>&, std::int64_t, void*);
template void queue(const SiluMul<Bf16>&, std::int64_t, void*);
template void queue(const SiluMulBackward<float>&, std::int64_t, void*);
template void queue(const SiluMulBackward<Bf16>&, std::int64_t, void*);
template void queue(const SigmoidMul<float, float>&, std::int64_t, void*);
template void queue(const SigmoidMul<float, Bf16>&, std::int64_t, void*);
template void queue(const SigmoidMul<Bf16, Bf16>&, std::int64_t, void*);
template void queue(const SigmoidMulBackward<float, float>&, std::int64_t, void*);
template void queue(const SigmoidMulBackward<float, Bf16>&, std::int64_t, void*);
template void queue(const SigmoidMulBackward<Bf16, Bf16>&, std::int64_t, void*);

}  // namespace polaris::cuda
