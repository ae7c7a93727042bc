/// RMSNorm of one row, shared by the kernels that normalise. Formulas: nn/internal/norm.h.
#pragma once

#include "nn/kernels/row_sums.h"

namespace polaris::kernels {

/// One norm, of rows or of heads.
struct Norm {
  const float* weight;  ///< [width]
  std::int64_t width;
  float eps;
  bool zero_centred;  ///< multiply by 1 + weight, and round afterwards instead of before
};

POLARIS_INLINE float inverse_root(float x) { return 1.0F / root_of(x); }

/// 1 / root mean square of the row.
template <class T>
POLARIS_INLINE float inverse_rms(Norm norm, const T* x) {
  LaneSum squares;
  for_lanes(norm.width,
            [&](std::int64_t i, int lane) { squares.lanes[lane] += load(x[i]) * load(x[i]); });
  return inverse_root(total(squares) / static_cast<float>(norm.width) + norm.eps);
}

/// y = norm of x, rounded to T.
template <class T, class Y>
POLARIS_INLINE void norm_row(Norm norm, const T* x, Y* y) {
  const float r = inverse_rms(norm, x);
  if (norm.zero_centred) {
#pragma omp simd
    for (std::int64_t i = 0; i < norm.width; ++i)
      store(y[i], rounded<T>(load(x[i]) * r * (1.0F + norm.weight[i])));
    return;
  }
#pragma omp simd
  for (std::int64_t i = 0; i < norm.width; ++i)
    store(y[i], rounded<T>(rounded<T>(load(x[i]) * r) * norm.weight[i]));
}

/// Backward of norm_row: with n = dy * factor, where factor is weight or 1 + weight,
///
///   dx = r (n - x_hat mean(n x_hat)) + dsum,   dweight += dy x_hat
///
/// @param dsum     [width] another gradient of x, if kHasSum
/// @param dweight  [width]
template <bool kHasSum, class T, class Dy>
POLARIS_INLINE void norm_row_backward(Norm norm, const T* x, const Dy* dy, const T* dsum, T* dx,
                                      float* dweight) {
  const float offset = norm.zero_centred ? 1.0F : 0.0F;
  LaneSum squares;
  LaneSum dot;  // of n and x
  for_lanes(norm.width, [&](std::int64_t i, int lane) {
    squares.lanes[lane] += load(x[i]) * load(x[i]);
    dot.lanes[lane] += load(x[i]) * load(dy[i]) * (offset + norm.weight[i]);
  });
  const auto width = static_cast<float>(norm.width);
  const float r = inverse_root(total(squares) / width + norm.eps);
  const float pull = total(dot) / width * r * r;
#pragma omp simd
  for (std::int64_t i = 0; i < norm.width; ++i) {
    const float upstream = load(dy[i]);
    const float x_hat = load(x[i]) * r;
    const float own = r * (upstream * (offset + norm.weight[i])) - x_hat * pull;
    store(dx[i], kHasSum ? own + load(dsum[i]) : own);
    dweight[i] += upstream * (norm.zero_centred ? x_hat : rounded<T>(x_hat));
  }
}

}  // namespace polaris::kernels
