#include "nn/kernels/gate_kernels.h"

namespace polaris::kernels {
namespace {

template <class T>
void silu_mul(const T* gate_up, T* y, std::int64_t width, std::int64_t begin, std::int64_t end) {
  for (std::int64_t r = begin; r < end; ++r) {
    const T* gate = gate_up + r * 2 * width;
    const T* up = gate + width;
    T* out = y + r * width;
#pragma omp simd
    for (std::int64_t i = 0; i < width; ++i) store(out[i], silu(load(gate[i])) * load(up[i]));
  }
}

template <class T>
void silu_mul_backward(const T* gate_up, const T* dy, T* dgate_up, std::int64_t width,
                       std::int64_t begin, std::int64_t end) {
  for (std::int64_t r = begin; r < end; ++r) {
    const T* gate = gate_up + r * 2 * width;
    const T* up = gate + width;
    const T* upstream = dy + r * width;
    T* dgate = dgate_up + r * 2 * width;
    T* dup = dgate + width;
#pragma omp simd
    for (std::int64_t i = 0; i < width; ++i) {
      const float x = load(gate[i]);
      const float s = sigmoid(x);
      store(dup[i], load(upstream[i]) * (x * s));
      store(dgate[i], load(upstream[i]) * load(up[i]) * (s * (1.0F + x * (1.0F - s))));
    }
  }
}

template <class T>
void sigmoid_mul(const float* o, const T* gate, T* y, std::int64_t begin, std::int64_t end) {
#pragma omp simd
  for (std::int64_t i = begin; i < end; ++i) store(y[i], o[i] * sigmoid(load(gate[i])));
}

template <class T>
void sigmoid_mul_backward(const float* o, const T* gate, const T* dy, float* d_o, T* dgate,
                          std::int64_t begin, std::int64_t end) {
#pragma omp simd
  for (std::int64_t i = begin; i < end; ++i) {
    const float s = sigmoid(load(gate[i]));
    const float upstream = load(dy[i]);
    d_o[i] = upstream * s;
    store(dgate[i], upstream * o[i] * (s * (1.0F - s)));
  }
}

template <class T>
GateKernels<T> table() {
  return {silu_mul<T>, silu_mul_backward<T>, sigmoid_mul<T>, sigmoid_mul_backward<T>};
}

}  // namespace

namespace POLARIS_ISA {
GateTables gate_kernels() { return {table<float>(), table<Bf16>()}; }
}  // namespace POLARIS_ISA

}  // namespace polaris::kernels
