/// Kernels for a GPU (blocks.h) of what stands in front of attention. Formulas:
/// nn/internal/attention_inputs.h.
#pragma once

#include "nn/cuda/norm_blocks.h"
#include "nn/kernels/attention_inputs_kernels.h"

namespace polaris::cuda {

using kernels::HeadLayout;

/// One head of a row: those of q come first, then those of k, then those of v.
struct Head {
  enum Kind { kQuery, kKey, kValue } kind;
  std::int64_t index;   ///< among those of its kind
  std::int64_t column;  ///< of the projection
  std::int64_t row;

  POLARIS_DEVICE Head(const HeadLayout& layout, std::int64_t row_of_all, std::int64_t head)
      : row(row_of_all) {
    const std::int64_t d = layout.head_dim, step = layout.has_gate ? 2 * d : d;
    if (head < layout.heads) {
      kind = kQuery, index = head, column = index * step;
    } else {
      const std::int64_t behind = head - layout.heads;  // of k, then of v
      kind = behind < layout.kv_heads ? kKey : kValue;
      index = kind == kKey ? behind : behind - layout.kv_heads;
      column = layout.heads * step + behind * d;
    }
  }

  /// The head in q, k or v [rows, heads or kv_heads, head_dim], or their gradients.
  template <class Wide, class T>
  POLARIS_DEVICE Wide* in(const kernels::HeadTensors<Wide, T>& all,
                          const HeadLayout& layout) const {
    const std::int64_t heads = kind == kQuery ? layout.heads : layout.kv_heads;
    Wide* tensor = kind == kQuery ? all.q : kind == kKey ? all.k : all.v;
    return tensor + (row * heads + index) * layout.head_dim;
  }
  template <class Wide, class T>
  POLARIS_DEVICE T* gate_in(const kernels::HeadTensors<Wide, T>& all,
                            const HeadLayout& layout) const {
    return all.gate + (row * layout.heads + index) * layout.head_dim;
  }

  POLARIS_DEVICE bool has_gate(const HeadLayout& layout) const {
    return kind == kQuery && layout.has_gate;
  }
  POLARIS_DEVICE Norm norm(const HeadLayout& layout) const {
    return kind == kQuery ? layout.query_norm : layout.key_norm;
  }
};

/// Element i of a head whose elements are x(i), turned by the angles of its row: forwards if
/// direction is 1, back if it is -1.
template <class X>
POLARIS_DEVICE float turned(const HeadLayout& layout, std::int64_t row, float direction,
                            std::int64_t i, const X& x) {
  const std::int64_t half = layout.rotary_dims / 2;
  if (i >= 2 * half) return x(i);
  const std::int64_t angle = row * half + i % half;
  const float cos = layout.cos[angle], sin = direction * layout.sin[angle];
  return i < half ? x(i) * cos - x(i + half) * sin : x(i) * cos + x(i - half) * sin;
}

/// An index is a head of a row.
template <class T>
struct AttentionInputsForward {
  static constexpr int kLanes = 32;
  static constexpr const char* kName = "attention_inputs";

  HeadLayout layout;
  const T* projection;
  std::int64_t stride;  ///< from one of its rows to the next
  kernels::HeadTensors<float, T> out;

  std::int64_t per_row() const { return layout.heads + 2 * layout.kv_heads; }

  template <class Block>
  POLARIS_DEVICE void operator()(const Block& block, std::int64_t index) const {
    const std::int64_t per_row = layout.heads + 2 * layout.kv_heads;
    const Head head(layout, index / per_row, index % per_row);
    const T* x = projection + head.row * stride + head.column;
    float* y = head.in(out, layout);
    const bool has_norm = layout.has_norms && head.kind != Head::kValue;
    const Norm norm = head.norm(layout);
    const float r = has_norm ? inverse_rms(block, norm, x) : 1.0F;
    const auto value = [&](std::int64_t i) {
      return has_norm ? normed<T>(norm, kernels::load(x[i]), r, i) : kernels::load(x[i]);
    };
    block.each([&](int lane) {
      for (std::int64_t i = lane; i < layout.head_dim; i += kLanes) {
        y[i] = head.kind == Head::kValue ? value(i) : turned(layout, head.row, 1.0F, i, value);
        if (head.has_gate(layout)) head.gate_in(out, layout)[i] = x[layout.head_dim + i];
      }
    });
  }
};

/// The projection's gradient; r of the heads of q and k is kept for their norms' gradients. An
/// index is a head of a row.
template <class T>
struct AttentionInputsBackward {
  static constexpr int kLanes = 32;
  static constexpr const char* kName = "attention_inputs_backward";

  HeadLayout layout;
  const T* projection;
  std::int64_t stride;
  kernels::HeadTensors<const float, const T> upstream;
  std::int64_t rows;
  T* dprojection;  ///< [rows, columns] without gaps
  float* inverse;  ///< [rows, heads], then [rows, kv_heads]: r

  std::int64_t per_row() const { return layout.heads + 2 * layout.kv_heads; }

  template <class Block>
  POLARIS_DEVICE void operator()(const Block& block, std::int64_t index) const {
    const std::int64_t d = layout.head_dim, per_row = layout.heads + 2 * layout.kv_heads;
    const std::int64_t columns = (per_row + (layout.has_gate ? layout.heads : 0)) * d;
    const Head head(layout, index / per_row, index % per_row);
    const T* x = projection + head.row * stride + head.column;
    T* dx = dprojection + head.row * columns + head.column;
    const float* dy = head.in(upstream, layout);
    const auto turned_back = [&](std::int64_t i) {
      return turned(layout, head.row, -1.0F, i, [&](std::int64_t j) { return dy[j]; });
    };
    if (head.has_gate(layout)) {
      block.each([&](int lane) {
        for (std::int64_t i = lane; i < d; i += kLanes)
          dx[d + i] = head.gate_in(upstream, layout)[i];
      });
    }
    if (head.kind == Head::kValue || !layout.has_norms) {
      block.each([&](int lane) {
        for (std::int64_t i = lane; i < d; i += kLanes)
          kernels::store(dx[i], head.kind == Head::kValue ? dy[i] : turned_back(i));
      });
      return;
    }
    const Norm norm = head.norm(layout);
    const float r = inverse_rms(block, norm, x);
    const float offset = norm.zero_centred ? 1.0F : 0.0F;
    const float dot = block.sum([&](int lane) {
      float own = 0;
      for (std::int64_t i = lane; i < d; i += kLanes)
        own += kernels::load(x[i]) * turned_back(i) * (offset + norm.weight[i]);
      return own;
    });
    const float pull = dot / static_cast<float>(d) * r * r;
    block.each([&](int lane) {
      if (lane == 0) *kept(head) = r;
      for (std::int64_t i = lane; i < d; i += kLanes)
        kernels::store(dx[i], r * (turned_back(i) * (offset + norm.weight[i])) -
                                  kernels::load(x[i]) * r * pull);
    });
  }

 private:
  POLARIS_DEVICE float* kept(const Head& head) const {
    if (head.kind == Head::kQuery) return inverse + head.row * layout.heads + head.index;
    return inverse + rows * layout.heads + head.row * layout.kv_heads + head.index;
  }
};

/// A head's share of the gradient of the norm of q or k; a row is a head of a row there.
template <class T>
struct HeadNormTerm {
  static constexpr const char* kName = "head_norm_weight";

  HeadLayout layout;
  bool is_query;
  const T* projection;
  std::int64_t stride;
  const float* upstream;  ///< [rows, heads or kv_heads, head_dim]
  const float* inverse;   ///< [rows, heads or kv_heads]

  POLARIS_DEVICE float operator()(std::int64_t at, std::int64_t i) const {
    const std::int64_t heads = is_query ? layout.heads : layout.kv_heads;
    const Head head(layout, at / heads, (is_query ? 0 : layout.heads) + at % heads);
    const float* dy = upstream + at * layout.head_dim;
    const float up = turned(layout, head.row, -1.0F, i, [&](std::int64_t j) { return dy[j]; });
    const T* x = projection + head.row * stride + head.column;
    return up * weight_slope<T>(head.norm(layout), kernels::load(x[i]), inverse[at]);
  }
};

}  // namespace polaris::cuda
