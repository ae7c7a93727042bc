#include "nn/cuda/delta_blocks.h"
#include "nn/cuda/queue.cuh"

namespace polaris::cuda {

template void queue(const UnitLowerInverse&, std::int64_t, void*);
template void queue(const DecayMatrix<float>&, std::int64_t, void*);
template void queue(const DecayMatrix<double>&, std::int64_t, void*);
template void queue(const GateDots<float>&, std::int64_t, void*);
template void queue(const GateDots<double>&, std::int64_t, void*);
template void queue(const MatrixDots<float>&, std::int64_t, void*);
template void queue(const MatrixDots<double>&, std::int64_t, void*);

}  // namespace polaris::cuda
