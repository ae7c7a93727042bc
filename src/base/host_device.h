/// Arithmetic that CPU and GPU share: the same source is compiled for both.
#pragma once

/// Before a function that kernels of a GPU call too; nothing where nvcc does not compile. Constexpr
/// functions need it not.
#if defined(__CUDACC__)
#define POLARIS_DEVICE __host__ __device__
#else
#define POLARIS_DEVICE
#endif
