#include "nn/kernels/delta_inputs_kernels.h"

namespace polaris::kernels {
namespace {

constexpr float kL2Epsilon = 1e-6F;

template <class T>
POLARIS_INLINE void copy(const T* from, T* to, std::int64_t count) {
#pragma omp simd
  for (std::int64_t i = 0; i < count; ++i) to[i] = from[i];
}

/// What the tap at row t sees: a row of the projection, or one from before the sequence.
template <class T>
POLARIS_INLINE const T* input_row(const DeltaLayout& layout, const T* projection,
                                  std::int64_t stride, const DeltaRows<T>& rows, std::int64_t t) {
  if (t >= rows.first) return projection + t * stride;
  return rows.history + (t - rows.first + layout.taps - 1) * channels(layout);
}

/// sum += weight * x, all [count]
template <class X>
POLARIS_INLINE void multiply_add(const float* weight, const X* x, float* sum, std::int64_t count) {
#pragma omp simd
  for (std::int64_t i = 0; i < count; ++i) sum[i] += weight[i] * load(x[i]);
}

/// sum = sum over taps j >= first of their weights * row(j)
template <class Row>
POLARIS_INLINE void weigh_rows(const DeltaLayout& layout, std::int64_t first, const Row& row,
                               float* sum) {
  const std::int64_t count = channels(layout);
  const float* w = layout.conv;
  if (layout.taps == 4 && first == 0) {  // nearly always, in published models: in one pass
    const auto *x0 = row(0), *x1 = row(1), *x2 = row(2), *x3 = row(3);
#pragma omp simd
    for (std::int64_t i = 0; i < count; ++i) {
      sum[i] = w[i] * load(x0[i]) + w[count + i] * load(x1[i]) + w[2 * count + i] * load(x2[i]) +
               w[3 * count + i] * load(x3[i]);
    }
    return;
  }
  for (std::int64_t i = 0; i < count; ++i) sum[i] = 0.0F;
  for (std::int64_t j = first; j < layout.taps; ++j)
    multiply_add(w + j * count, row(j), sum, count);
}

/// Row t behind the convolution, before SiLU.
template <class T>
POLARIS_INLINE void convolve(const DeltaLayout& layout, const T* projection, std::int64_t stride,
                             const DeltaRows<T>& rows, std::int64_t t, float* c) {
  const std::int64_t oldest = t - layout.taps + 1;
  weigh_rows(
      layout, /*first=*/0,
      [&](std::int64_t j) { return input_row(layout, projection, stride, rows, oldest + j); }, c);
}

/// y = x (sum x^2 + eps)^(-1/2)
POLARIS_INLINE void l2_norm(const float* x, float* y, std::int64_t count) {
  LaneSum squares;
  for_lanes(count, [&](std::int64_t i, int lane) { squares.lanes[lane] += x[i] * x[i]; });
  const float r = 1.0F / __builtin_sqrtf(total(squares) + kL2Epsilon);
#pragma omp simd
  for (std::int64_t i = 0; i < count; ++i) y[i] = x[i] * r;
}

/// Backward of l2_norm, times slope: dx = r (dy - y (y . dy)) slope, written over slope.
POLARIS_INLINE void l2_norm_backward(const float* x, const float* dy, float* slope,
                                     std::int64_t count) {
  LaneSum squares;
  LaneSum dot;
  for_lanes(count, [&](std::int64_t i, int lane) {
    squares.lanes[lane] += x[i] * x[i];
    dot.lanes[lane] += x[i] * dy[i];
  });
  const float r = 1.0F / __builtin_sqrtf(total(squares) + kL2Epsilon);
  const float pull = total(dot) * r * r;
#pragma omp simd
  for (std::int64_t i = 0; i < count; ++i) slope[i] *= r * (dy[i] - x[i] * pull);
}

POLARIS_INLINE float softplus(float x) {
  return x > 20.0F ? x : __builtin_log1pf(__builtin_expf(x));
}

template <class T>
void forward(const DeltaLayout& layout, const T* projection, std::int64_t stride,
             const DeltaRows<T>& rows, const DeltaTensors<float, T>& out, float* scratch) {
  const std::int64_t count = channels(layout);
  const std::int64_t keys = key_columns(layout);
  const std::int64_t values = value_columns(layout);
  const std::int64_t heads = layout.value_heads;
  for (std::int64_t t = rows.begin; t < rows.end; ++t) {
    convolve(layout, projection, stride, rows, t, scratch);
#pragma omp simd
    for (std::int64_t i = 0; i < count; ++i) scratch[i] = silu(scratch[i]);
    for (std::int64_t i = 0; i < keys; i += layout.key_dim) {
      l2_norm(scratch + i, out.q + t * keys + i, layout.key_dim);
      l2_norm(scratch + keys + i, out.k + t * keys + i, layout.key_dim);
    }
    copy(scratch + 2 * keys, out.v + t * values, values);

    const T* z = projection + t * stride + count;
    copy(z, out.z + t * values, values);
    const T* b = z + values;
    const T* a = b + heads;
    for (std::int64_t h = 0; h < heads; ++h) {
      out.beta[t * heads + h] = sigmoid(load(b[h]));
      out.g[t * heads + h] =
          -__builtin_expf(layout.a_log[h]) * softplus(load(a[h]) + layout.dt_bias[h]);
    }
  }
}

/// Gradient of row t of the convolution's result, into dc [channels].
/// @param c  [channels], overwritten
template <class T>
POLARIS_INLINE void activation_backward(const DeltaLayout& layout, std::int64_t t,
                                        const DeltaTensors<const float, const T>& upstream,
                                        float* c, float* dc) {
  const std::int64_t count = channels(layout);
  const std::int64_t keys = key_columns(layout);
  const std::int64_t values = value_columns(layout);
#pragma omp simd
  for (std::int64_t i = 0; i < count; ++i) {
    const float s = sigmoid(c[i]);
    dc[i] = s * (1.0F + c[i] * (1.0F - s));
    c[i] *= s;
  }
  for (std::int64_t i = 0; i < keys; i += layout.key_dim) {
    l2_norm_backward(c + i, upstream.q + t * keys + i, dc + i, layout.key_dim);
    l2_norm_backward(c + keys + i, upstream.k + t * keys + i, dc + keys + i, layout.key_dim);
  }
  const float* dv = upstream.v + t * values;
#pragma omp simd
  for (std::int64_t i = 0; i < values; ++i) dc[2 * keys + i] *= dv[i];
}

/// Gradients of z, b and a of row t, behind the convolution's columns of dx.
template <class T>
POLARIS_INLINE void gate_backward(const DeltaLayout& layout, const T* x, std::int64_t t,
                                  const DeltaTensors<const float, const T>& upstream, T* dx,
                                  const DeltaWeightGradients& dweights) {
  const std::int64_t values = value_columns(layout);
  const std::int64_t heads = layout.value_heads;
  const std::int64_t b = channels(layout) + values;
  const std::int64_t a = b + heads;
  copy(upstream.z + t * values, dx + channels(layout), values);
  for (std::int64_t h = 0; h < heads; ++h) {
    const float beta = sigmoid(load(x[b + h]));
    store(dx[b + h], upstream.beta[t * heads + h] * beta * (1.0F - beta));
    const float rate = -__builtin_expf(layout.a_log[h]);
    const float biased = load(x[a + h]) + layout.dt_bias[h];
    const float dg = upstream.g[t * heads + h];
    const float da = dg * rate * sigmoid(biased);
    store(dx[a + h], da);
    dweights.a_log[h] += dg * rate * softplus(biased);
    dweights.dt_bias[h] += da;
  }
}

template <class T>
void backward(const DeltaLayout& layout, const T* projection, std::int64_t stride,
              const DeltaRows<T>& rows, const DeltaTensors<const float, const T>& upstream,
              T* dprojection, const DeltaWeightGradients& dweights, float* scratch) {
  const std::int64_t count = channels(layout);
  const std::int64_t taps = layout.taps;
  float* sum = scratch;
  float* dc = scratch + count;  // of row t at t mod taps: a row is done when those that see it are
  for (std::int64_t ahead = rows.begin; ahead < rows.end + taps - 1; ++ahead) {
    if (ahead < rows.behind) {
      convolve(layout, projection, stride, rows, ahead, sum);
      activation_backward(layout, ahead, upstream, sum, dc + ahead % taps * count);
    }
    const std::int64_t t = ahead - taps + 1;
    if (t < rows.begin) continue;
    const std::int64_t missing = t + taps - rows.behind;  // rows that would see t
    const auto seen_by = [&](std::int64_t j) { return dc + (t + taps - 1 - j) % taps * count; };
    weigh_rows(layout, missing > 0 ? missing : 0, seen_by, sum);
    T* dx = dprojection + t * columns(layout);
#pragma omp simd
    for (std::int64_t i = 0; i < count; ++i) store(dx[i], sum[i]);
    gate_backward(layout, projection + t * stride, t, upstream, dx, dweights);
    for (std::int64_t j = 0; j < taps; ++j) {
      const T* x = input_row(layout, projection, stride, rows, t - taps + 1 + j);
      multiply_add(dc + t % taps * count, x, dweights.conv + j * count, count);
    }
  }
}

template <class T>
DeltaInputsKernels<T> table() {
  return {forward<T>, backward<T>};
}

}  // namespace

namespace POLARIS_ISA {
DeltaInputsTables delta_inputs_kernels() { return {table<float>(), table<Bf16>()}; }
}  // namespace POLARIS_ISA

}  // namespace polaris::kernels
