#include "nn/kernels/attention_inputs_kernels.h"

namespace polaris::kernels {
namespace {

template <class From, class To>
POLARIS_INLINE void copy(const From* from, To* to, std::int64_t count) {
#pragma omp simd
  for (std::int64_t i = 0; i < count; ++i) store(to[i], load(from[i]));
}

/// Turns the pairs (x[i], x[half + i]) of a head of row `row`: by its angles if direction is 1,
/// back if it is -1.
POLARIS_INLINE void rotate(const HeadLayout& layout, float* x, std::int64_t row, float direction) {
  const std::int64_t half = layout.rotary_dims / 2;
  const float* cos = layout.cos + row * half;
  const float* sin = layout.sin + row * half;
#pragma omp simd
  for (std::int64_t i = 0; i < half; ++i) {
    const float a = x[i];
    const float b = x[half + i];
    const float turned = direction * sin[i];
    x[i] = a * cos[i] - b * turned;
    x[half + i] = b * cos[i] + a * turned;
  }
}

template <class T>
POLARIS_INLINE void head_forward(const HeadLayout& layout, Norm norm, const T* x, float* y,
                                 std::int64_t row) {
  if (layout.has_norms) {
    norm_row(norm, x, y);
  } else {
    copy(x, y, layout.head_dim);
  }
  rotate(layout, y, row, 1.0F);
}

template <class T>
POLARIS_INLINE void head_backward(const HeadLayout& layout, Norm norm, const T* x, const float* dy,
                                  T* dx, float* dweight, float* scratch, std::int64_t row) {
  copy(dy, scratch, layout.head_dim);
  rotate(layout, scratch, row, -1.0F);
  if (layout.has_norms) {
    norm_row_backward<false>(norm, x, scratch, x, dx, dweight);
  } else {
    copy(scratch, dx, layout.head_dim);
  }
}

template <class T>
void forward(const HeadLayout& layout, const T* projection, std::int64_t stride,
             const HeadTensors<float, T>& out, std::int64_t begin, std::int64_t end) {
  const std::int64_t d = layout.head_dim;
  for (std::int64_t row = begin; row < end; ++row) {
    const T* x = projection + row * stride;
    for (std::int64_t head = row * layout.heads; head < (row + 1) * layout.heads; ++head) {
      head_forward(layout, layout.query_norm, x, out.q + head * d, row);
      x += d;
      if (!layout.has_gate) continue;
      copy(x, out.gate + head * d, d);
      x += d;
    }
    const std::int64_t first = row * layout.kv_heads;
    for (std::int64_t head = first; head < first + layout.kv_heads; ++head, x += d)
      head_forward(layout, layout.key_norm, x, out.k + head * d, row);
    copy(x, out.v + first * d, layout.kv_heads * d);
  }
}

template <class T>
void backward(const HeadLayout& layout, const T* projection, std::int64_t stride,
              const HeadTensors<const float, const T>& upstream, T* dprojection, float* dweights,
              float* scratch, std::int64_t begin, std::int64_t end) {
  const std::int64_t d = layout.head_dim;
  const std::int64_t query_columns = layout.heads * d * (layout.has_gate ? 2 : 1);
  T* dx = dprojection + begin * (query_columns + 2 * layout.kv_heads * d);
  float* dkey_weight = dweights + d;
  for (std::int64_t row = begin; row < end; ++row) {
    const T* x = projection + row * stride;
    for (std::int64_t head = row * layout.heads; head < (row + 1) * layout.heads; ++head) {
      head_backward(layout, layout.query_norm, x, upstream.q + head * d, dx, dweights, scratch,
                    row);
      x += d, dx += d;
      if (!layout.has_gate) continue;
      copy(upstream.gate + head * d, dx, d);
      x += d, dx += d;
    }
    const std::int64_t first = row * layout.kv_heads;
    for (std::int64_t head = first; head < first + layout.kv_heads; ++head, x += d, dx += d) {
      head_backward(layout, layout.key_norm, x, upstream.k + head * d, dx, dkey_weight, scratch,
                    row);
    }
    copy(upstream.v + first * d, dx, layout.kv_heads * d);
    dx += layout.kv_heads * d;
  }
}

template <class T>
AttentionInputsKernels<T> table() {
  return {forward<T>, backward<T>};
}

}  // namespace

namespace POLARIS_ISA {
AttentionInputsTables attention_inputs_kernels() { return {table<float>(), table<Bf16>()}; }
}  // namespace POLARIS_ISA

}  // namespace polaris::kernels
