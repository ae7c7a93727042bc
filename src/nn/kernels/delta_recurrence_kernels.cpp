#include <math.h>

#include "nn/kernels/delta_recurrence.h"
#include "nn/kernels/simd.h"

namespace polaris::kernels::POLARIS_ISA {
namespace {

#if defined(__AVX512F__)
constexpr int kBytes = 64;
#elif defined(__AVX2__)
constexpr int kBytes = 32;
#else
constexpr int kBytes = 16;
#endif

template <class T>
struct LanesOf {
  using Type [[gnu::vector_size(kBytes)]] = T;
};

POLARIS_INLINE float e_to(float x) { return expf(x); }
POLARIS_INLINE double e_to(double x) { return ::exp(x); }

template <class Lanes, class T>
POLARIS_INLINE Lanes load_lanes(const T* from) {
  Lanes x;
  __builtin_memcpy(&x, from, sizeof x);
  return x;
}
template <class Lanes, class T>
POLARIS_INLINE void store_lanes(T* to, const Lanes& x) {
  __builtin_memcpy(to, &x, sizeof x);
}

/// Columns [column, column + lanes * kCount) of the state. No column depends on another: all tokens
/// pass over these before the next ones come.
///
/// Both products are taken from the state as it was, because q S' = decay q S + (q . k) u, and the
/// update runs backwards over the rows, so that it begins with those still in the cache.
template <class Lanes, int kCount, class T>
POLARIS_INLINE void run_columns(const DeltaTokens<T>& a, T* state, std::int64_t head,
                                std::int64_t first, std::int64_t rows, std::int64_t column) {
  constexpr int kWidth = sizeof(Lanes) / sizeof(T);
  const std::int64_t key_head = head / (a.value_heads / a.key_heads);
  for (std::int64_t t = first; t < first + rows; ++t) {
    const T* q = a.q + t * a.key_stride + key_head * a.key_size;
    const T* k = a.k + t * a.key_stride + key_head * a.key_size;
    const T* v = a.v + t * a.value_stride + head * a.value_size + column;
    T* o = a.o + (t * a.value_heads + head) * a.value_size + column;
    const T decay = e_to(a.g[t * a.value_heads + head]);
    const T beta = a.beta[t * a.value_heads + head];

    Lanes by_k[kCount] = {};
    Lanes by_q[kCount] = {};
    T q_k = 0;
    for (std::int64_t i = 0; i < a.key_size; ++i) {
      const T* row = state + i * a.value_size + column;
      for (int c = 0; c < kCount; ++c) {
        const Lanes s = load_lanes<Lanes>(row + c * kWidth);
        by_k[c] += k[i] * s;
        by_q[c] += q[i] * s;
      }
      q_k += q[i] * k[i];
    }
    Lanes u[kCount];
    for (int c = 0; c < kCount; ++c) {
      u[c] = beta * (load_lanes<Lanes>(v + c * kWidth) - decay * by_k[c]);
      store_lanes(o + c * kWidth, a.scale * (decay * by_q[c] + q_k * u[c]));
    }
    for (std::int64_t i = a.key_size; i-- > 0;) {
      T* row = state + i * a.value_size + column;
      for (int c = 0; c < kCount; ++c)
        store_lanes(row + c * kWidth, decay * load_lanes<Lanes>(row + c * kWidth) + k[i] * u[c]);
    }
  }
}

template <class T>
void run(const DeltaTokens<T>& a, T* state, std::int64_t head, std::int64_t first,
         std::int64_t rows) {
  using Lanes = typename LanesOf<T>::Type;
  constexpr int kWidth = kBytes / sizeof(T);
  std::int64_t column = 0;
  for (; column + 8 * kWidth <= a.value_size; column += 8 * kWidth)
    run_columns<Lanes, 8>(a, state, head, first, rows, column);
  for (; column + 2 * kWidth <= a.value_size; column += 2 * kWidth)
    run_columns<Lanes, 2>(a, state, head, first, rows, column);
  for (; column + kWidth <= a.value_size; column += kWidth)
    run_columns<Lanes, 1>(a, state, head, first, rows, column);
  for (; column < a.value_size; ++column) run_columns<T, 1>(a, state, head, first, rows, column);
}

}  // namespace

DeltaRecurrenceKernel<float> delta_recurrence_float() { return {run<float>}; }
DeltaRecurrenceKernel<double> delta_recurrence_double() { return {run<double>}; }

}  // namespace polaris::kernels::POLARIS_ISA
