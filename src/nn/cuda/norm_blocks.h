/// RMSNorm's kernels for a GPU (blocks.h). Formulas: nn/internal/norm.h; the same roundings as in
/// kernels/norm_rows.h.
#pragma once

#include "nn/cuda/column_sums.h"
#include "nn/kernels/norm_rows.h"

namespace polaris::cuda {

using kernels::Norm;

/// 1 / root mean square of a row.
template <class Block, class T>
POLARIS_DEVICE float inverse_rms(const Block& block, const Norm& norm, const T* x) {
  const float squares = block.sum([&](int lane) {
    float own = 0;
    for (std::int64_t i = lane; i < norm.width; i += Block::kLanes)
      own += kernels::load(x[i]) * kernels::load(x[i]);
    return own;
  });
  return kernels::inverse_root(squares / static_cast<float>(norm.width) + norm.eps);
}

/// x hat times the weight, as T rounds it.
template <class T>
POLARIS_DEVICE float normed(const Norm& norm, float x, float r, std::int64_t i) {
  if (norm.zero_centred) return kernels::rounded<T>(x * r * (1.0F + norm.weight[i]));
  return kernels::rounded<T>(kernels::rounded<T>(x * r) * norm.weight[i]);
}

/// What the weight's gradient multiplies the upstream one with.
template <class T>
POLARIS_DEVICE float weight_slope(const Norm& norm, float x, float r) {
  return norm.zero_centred ? x * r : kernels::rounded<T>(x * r);
}

/// y = norm of x or, with a delta, of sum = x + delta. An index is a row.
template <class T>
struct NormForward {
  static constexpr int kLanes = 256;
  static constexpr const char* kName = "norm";

  Norm norm;
  const T *x, *delta;  ///< delta null: none
  T *sum, *y;          ///< sum null: none

  template <class Block>
  POLARIS_DEVICE void operator()(const Block& block, std::int64_t row) const {
    const std::int64_t first = row * norm.width;
    if (delta != nullptr) {
      block.each([&](int lane) {
        for (std::int64_t i = first + lane; i < first + norm.width; i += kLanes)
          kernels::store(sum[i], kernels::load(x[i]) + kernels::load(delta[i]));
      });
    }
    const T* from = (delta != nullptr ? sum : x) + first;
    const float r = inverse_rms(block, norm, from);
    block.each([&](int lane) {
      for (std::int64_t i = lane; i < norm.width; i += kLanes)
        kernels::store(y[first + i], normed<T>(norm, kernels::load(from[i]), r, i));
    });
  }
};

/// dx = r (n - x_hat mean(n x_hat)) + dsum with n = dy times the weight; r is kept for the weight's
/// gradient. An index is a row.
template <class T>
struct NormBackward {
  static constexpr int kLanes = 256;
  static constexpr const char* kName = "norm_backward";

  Norm norm;
  const T *x, *dy, *dsum;  ///< dsum null: zero
  T* dx;
  float* inverse;  ///< [rows] r

  template <class Block>
  POLARIS_DEVICE void operator()(const Block& block, std::int64_t row) const {
    const std::int64_t first = row * norm.width;
    const float r = inverse_rms(block, norm, x + first);
    const float offset = norm.zero_centred ? 1.0F : 0.0F;
    const float dot = block.sum([&](int lane) {
      float own = 0;
      for (std::int64_t i = lane; i < norm.width; i += kLanes)
        own +=
            kernels::load(x[first + i]) * kernels::load(dy[first + i]) * (offset + norm.weight[i]);
      return own;
    });
    const float pull = dot / static_cast<float>(norm.width) * r * r;
    block.each([&](int lane) {
      if (lane == 0) inverse[row] = r;
      for (std::int64_t i = lane; i < norm.width; i += kLanes) {
        const std::int64_t at = first + i;
        const float n = kernels::load(dy[at]) * (offset + norm.weight[i]);
        const float own = r * n - kernels::load(x[at]) * r * pull;
        kernels::store(dx[at], dsum == nullptr ? own : own + kernels::load(dsum[at]));
      }
    });
  }
};

/// A row's share of the weight's gradient.
template <class T>
struct NormWeightTerm {
  static constexpr const char* kName = "norm_weight";

  Norm norm;
  const T *x, *dy;
  const float* inverse;

  POLARIS_DEVICE float operator()(std::int64_t row, std::int64_t column) const {
    const std::int64_t i = row * norm.width + column;
    return kernels::load(dy[i]) * weight_slope<T>(norm, kernels::load(x[i]), inverse[row]);
  }
};

/// y = cast(cast(o_hat) w silu(z)). An index is a head of a row.
template <class T>
struct GatedNormForward {
  static constexpr int kLanes = 32;
  static constexpr const char* kName = "gated_norm";

  Norm norm;
  const float* o;
  const T* z;
  T* y;

  template <class Block>
  POLARIS_DEVICE void operator()(const Block& block, std::int64_t row) const {
    const std::int64_t first = row * norm.width;
    const float r = inverse_rms(block, norm, o + first);
    block.each([&](int lane) {
      for (std::int64_t i = lane; i < norm.width; i += kLanes) {
        const float o_hat = kernels::rounded<T>(o[first + i] * r);
        kernels::store(y[first + i],
                       o_hat * norm.weight[i] * kernels::silu(kernels::load(z[first + i])));
      }
    });
  }
};

template <class T>
struct GatedNormBackward {
  static constexpr int kLanes = 32;
  static constexpr const char* kName = "gated_norm_backward";

  Norm norm;
  const float* o;
  const T *z, *dy;
  float* d_o;
  T* dz;
  float* inverse;  ///< [rows] r, kept for the weight's gradient

  template <class Block>
  POLARIS_DEVICE void operator()(const Block& block, std::int64_t row) const {
    const std::int64_t first = row * norm.width;
    const float r = inverse_rms(block, norm, o + first);
    const auto upstream = [&](std::int64_t i) {  // of o_hat
      return kernels::load(dy[first + i]) * norm.weight[i] *
             kernels::silu(kernels::load(z[first + i]));
    };
    const float dot = block.sum([&](int lane) {
      float own = 0;
      for (std::int64_t i = lane; i < norm.width; i += kLanes) own += upstream(i) * o[first + i];
      return own;
    });
    const float pull = dot / static_cast<float>(norm.width) * r * r;
    block.each([&](int lane) {
      if (lane == 0) inverse[row] = r;
      for (std::int64_t i = lane; i < norm.width; i += kLanes) {
        const std::int64_t at = first + i;
        const float o_hat = kernels::rounded<T>(o[at] * r);
        kernels::store(dz[at], kernels::load(dy[at]) * norm.weight[i] * o_hat *
                                   kernels::silu_slope(kernels::load(z[at])));
        d_o[at] = r * (upstream(i) - o[at] * pull);
      }
    });
  }
};

template <class T>
struct GatedNormWeightTerm {
  static constexpr const char* kName = "gated_norm_weight";

  std::int64_t width;
  const float* o;
  const T *z, *dy;
  const float* inverse;

  POLARIS_DEVICE float operator()(std::int64_t row, std::int64_t column) const {
    const std::int64_t i = row * width + column;
    return kernels::load(dy[i]) * kernels::rounded<T>(o[i] * inverse[row]) *
           kernels::silu(kernels::load(z[i]));
  }
};

}  // namespace polaris::cuda
