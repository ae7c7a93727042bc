#pragma once

#include <cstdint>

#include "nn/kernels/isa.h"
#include "nn/kernels/simd.h"

namespace polaris::kernels {

/// Products with a gate; formulas in nn/internal/gates.h.
template <class T>
struct GateKernels {
  /// Rows [begin, end) of gate_up [rows, 2 width] and y [rows, width].
  void (*silu_mul)(const T* gate_up, T* y, std::int64_t width, std::int64_t begin,
                   std::int64_t end);
  void (*silu_mul_backward)(const T* gate_up, const T* dy, T* dgate_up, std::int64_t width,
                            std::int64_t begin, std::int64_t end);

  /// Elements [begin, end) of arrays of one shape: y = o sigmoid(gate).
  void (*sigmoid_mul)(const float* o, const T* gate, T* y, std::int64_t begin, std::int64_t end);
  void (*sigmoid_mul_backward)(const float* o, const T* gate, const T* dy, float* d_o, T* dgate,
                               std::int64_t begin, std::int64_t end);
};

using GateTables = ForBothTypes<GateKernels>;
POLARIS_DECLARE_KERNELS(GateTables, gate_kernels)

}  // namespace polaris::kernels
