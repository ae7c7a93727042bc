#include "nn/kernels/norm_kernels.h"

namespace polaris::kernels {
namespace {

template <class T>
void forward(const Norm& norm, const T* x, T* y, std::int64_t begin, std::int64_t end) {
  for (std::int64_t r = begin; r < end; ++r) norm_row(norm, x + r * norm.width, y + r * norm.width);
}

template <class T>
void add_forward(const Norm& norm, const T* x, const T* delta, T* sum, T* y, std::int64_t begin,
                 std::int64_t end) {
  for (std::int64_t r = begin; r < end; ++r) {
    const std::int64_t first = r * norm.width;
#pragma omp simd
    for (std::int64_t i = first; i < first + norm.width; ++i)
      store(sum[i], load(x[i]) + load(delta[i]));
    norm_row(norm, sum + first, y + first);
  }
}

template <class T>
void backward(const Norm& norm, const T* x, const T* dy, const T* dsum, T* dx, float* dweight,
              std::int64_t begin, std::int64_t end) {
  for (std::int64_t r = begin; r < end; ++r) {
    const std::int64_t first = r * norm.width;
    if (dsum == nullptr) {
      norm_row_backward<false>(norm, x + first, dy + first, dsum, dx + first, dweight);
    } else {
      norm_row_backward<true>(norm, x + first, dy + first, dsum + first, dx + first, dweight);
    }
  }
}

template <class T>
void gated_forward(const Norm& norm, const float* o, const T* z, T* y, std::int64_t begin,
                   std::int64_t end) {
  for (std::int64_t row = begin; row < end; ++row) {
    const std::int64_t first = row * norm.width;
    const float r = inverse_rms(norm, o + first);
#pragma omp simd
    for (std::int64_t i = 0; i < norm.width; ++i)
      store(y[first + i], rounded<T>(o[first + i] * r) * norm.weight[i] * silu(load(z[first + i])));
  }
}

template <class T>
void gated_row_backward(Norm norm, const float* o, const T* z, const T* dy, float* d_o, T* dz,
                        float* dweight, float* n) {
  const float r = inverse_rms(norm, o);
#pragma omp simd
  for (std::int64_t i = 0; i < norm.width; ++i) {
    const float gate = load(z[i]);
    const float s = sigmoid(gate);
    const float upstream = load(dy[i]);
    const float o_hat = rounded<T>(o[i] * r);
    store(dz[i], upstream * norm.weight[i] * o_hat * (s * (1.0F + gate * (1.0F - s))));
    dweight[i] += upstream * o_hat * (gate * s);
    n[i] = upstream * norm.weight[i] * (gate * s);
  }
  LaneSum dot;  // of n = dy w silu(z) and o
  for_lanes(norm.width, [&](std::int64_t i, int lane) { dot.lanes[lane] += n[i] * o[i]; });
  const float pull = total(dot) / static_cast<float>(norm.width) * r * r;
#pragma omp simd
  for (std::int64_t i = 0; i < norm.width; ++i) d_o[i] = r * (n[i] - o[i] * pull);
}

template <class T>
void gated_backward(const Norm& norm, const float* o, const T* z, const T* dy, float* d_o, T* dz,
                    float* dweight, float* scratch, std::int64_t begin, std::int64_t end) {
  for (std::int64_t r = begin; r < end; ++r) {
    const std::int64_t first = r * norm.width;
    gated_row_backward(norm, o + first, z + first, dy + first, d_o + first, dz + first, dweight,
                       scratch);
  }
}

template <class T>
NormKernels<T> table() {
  return {forward<T>, add_forward<T>, backward<T>, gated_forward<T>, gated_backward<T>};
}

}  // namespace

namespace POLARIS_ISA {
NormTables norm_kernels() { return {table<float>(), table<Bf16>()}; }
}  // namespace POLARIS_ISA

}  // namespace polaris::kernels
