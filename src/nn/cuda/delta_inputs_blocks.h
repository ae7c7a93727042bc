/// Kernels for a GPU (blocks.h) of what stands in front of the delta rule. Formulas:
/// nn/internal/delta_inputs.h; backward: specs/performance.md A.4.
#pragma once

#include <cmath>

#include "nn/cuda/blocks.h"
#include "nn/kernels/delta_inputs_kernels.h"

namespace polaris::cuda {

using kernels::DeltaLayout;

constexpr float kL2Epsilon = 1e-6F;
constexpr std::int64_t kMostTaps = 4;

/// What all kernels here read.
template <class T>
struct DeltaSource {
  DeltaLayout layout;
  const T* projection;
  std::int64_t stride;       ///< from one of its rows to the next
  const T* history;          ///< [sequences, taps - 1, channels] rows before each, oldest first
  const std::int64_t* ends;  ///< [sequences + 1] where they begin and end
  std::int64_t sequences;

  /// Which sequence a row belongs to.
  POLARIS_DEVICE std::int64_t sequence_of(std::int64_t row) const {
    std::int64_t low = 0, high = sequences;
    while (high - low > 1) {
      const std::int64_t middle = (low + high) / 2;
      (ends[middle] <= row ? low : high) = middle;
    }
    return low;
  }

  POLARIS_DEVICE float input(std::int64_t sequence, std::int64_t row, std::int64_t channel) const {
    const std::int64_t first = ends[sequence];
    if (row >= first) return kernels::load(projection[row * stride + channel]);
    const std::int64_t old = (sequence + 1) * (layout.taps - 1) + row - first;
    return kernels::load(history[old * kernels::channels(layout) + channel]);
  }

  /// The convolution, before SiLU.
  POLARIS_DEVICE float convolved(std::int64_t sequence, std::int64_t row,
                                 std::int64_t channel) const {
    float sum = 0;
    for (std::int64_t j = 0; j < layout.taps; ++j)
      sum += layout.conv[j * kernels::channels(layout) + channel] *
             input(sequence, row - layout.taps + 1 + j, channel);
    return sum;
  }
};

/// One head among those that go through the convolution: those of q, of k, then of v.
struct DeltaHead {
  std::int64_t channel, width;  ///< its first channel, and how many it has
  bool is_value;

  POLARIS_DEVICE DeltaHead(const DeltaLayout& layout, std::int64_t head)
      : is_value(head >= 2 * layout.key_heads) {
    const std::int64_t value = head - 2 * layout.key_heads;
    channel = is_value ? 2 * kernels::key_columns(layout) + value * layout.value_dim
                       : head * layout.key_dim;
    width = is_value ? layout.value_dim : layout.key_dim;
  }

  /// Where the head's row is in q, k or v [rows, heads, width] or their gradients.
  template <class Wide, class T>
  POLARIS_DEVICE Wide* in(const kernels::DeltaTensors<Wide, T>& all, const DeltaLayout& layout,
                          std::int64_t row) const {
    const std::int64_t keys = kernels::key_columns(layout);
    if (is_value) return all.v + row * kernels::value_columns(layout) + channel - 2 * keys;
    return channel < keys ? all.q + row * keys + channel : all.k + row * keys + channel - keys;
  }
};

POLARIS_DEVICE inline float softplus(float x) { return x > 20.0F ? x : log1pf(expf(x)); }

/// q, k, v, g and beta. An index is a head of a row, or behind those the row's gates.
template <class T>
struct DeltaInputsForward {
  static constexpr int kLanes = 32;
  static constexpr const char* kName = "delta_inputs";

  DeltaSource<T> from;
  kernels::DeltaTensors<float, T> out;

  std::int64_t per_row() const { return 2 * from.layout.key_heads + from.layout.value_heads + 1; }

  template <class Block>
  POLARIS_DEVICE void operator()(const Block& block, std::int64_t index) const {
    const std::int64_t heads = 2 * from.layout.key_heads + from.layout.value_heads;
    const std::int64_t row = index / (heads + 1), head = index % (heads + 1);
    if (head == heads) {
      block.each([&](int lane) { gates(row, lane); });
      return;
    }
    const DeltaHead at(from.layout, head);
    float* y = at.in(out, from.layout, row);
    const std::int64_t sequence = from.sequence_of(row);
    const float squares = block.sum([&](int lane) {
      float own = 0;
      for (std::int64_t i = lane; i < at.width; i += kLanes) {
        y[i] = kernels::silu(from.convolved(sequence, row, at.channel + i));
        own += y[i] * y[i];
      }
      return own;
    });
    if (at.is_value) return;
    const float r = 1.0F / kernels::root_of(squares + kL2Epsilon);
    block.each([&](int lane) {
      for (std::int64_t i = lane; i < at.width; i += kLanes) y[i] *= r;
    });
  }

 private:
  POLARIS_DEVICE void gates(std::int64_t row, int lane) const {
    const DeltaLayout& layout = from.layout;
    const std::int64_t heads = layout.value_heads;
    const T* b = from.projection + row * from.stride + kernels::columns(layout) - 2 * heads;
    const T* a = b + heads;
    for (std::int64_t h = lane; h < heads; h += kLanes) {
      out.beta[row * heads + h] = kernels::sigmoid(kernels::load(b[h]));
      out.g[row * heads + h] =
          -expf(layout.a_log[h]) * softplus(kernels::load(a[h]) + layout.dt_bias[h]);
    }
  }
};

/// The gradient of the convolution's result. An index is a head of a row.
template <class T>
struct DeltaActivationBackward {
  static constexpr int kLanes = 32;
  static constexpr const char* kName = "delta_activation_backward";

  DeltaSource<T> from;
  kernels::DeltaTensors<const float, const T> upstream;
  float* dc;  ///< [rows, channels]

  std::int64_t per_row() const { return 2 * from.layout.key_heads + from.layout.value_heads; }

  template <class Block>
  POLARIS_DEVICE void operator()(const Block& block, std::int64_t index) const {
    const std::int64_t heads = 2 * from.layout.key_heads + from.layout.value_heads;
    const std::int64_t row = index / heads, sequence = from.sequence_of(row);
    const DeltaHead at(from.layout, index % heads);
    const float* dy = at.in(upstream, from.layout, row);
    float* out = dc + row * kernels::channels(from.layout) + at.channel;
    const auto convolved = [&](std::int64_t i) {
      return from.convolved(sequence, row, at.channel + i);
    };
    float r = 1, pull = 0;  // of the L2 norm
    if (!at.is_value) {
      const float squares = block.sum([&](int lane) {
        float own = 0;
        for (std::int64_t i = lane; i < at.width; i += kLanes) {
          out[i] = kernels::silu(convolved(i));  // for now
          own += out[i] * out[i];
        }
        return own;
      });
      const float dot = block.sum([&](int lane) {
        float own = 0;
        for (std::int64_t i = lane; i < at.width; i += kLanes) own += out[i] * dy[i];
        return own;
      });
      r = 1.0F / kernels::root_of(squares + kL2Epsilon);
      pull = dot * r * r;
    }
    block.each([&](int lane) {
      for (std::int64_t i = lane; i < at.width; i += kLanes) {
        const float c = convolved(i);
        const float y = at.is_value ? 0.0F : out[i];
        out[i] = kernels::silu_slope(c) * r * (dy[i] - y * pull);
      }
    });
  }
};

/// From dc to the projection's gradient and sums over rows for the taps' gradients. An index is a
/// block of rows and a tile of channels, of which each lane has one.
template <class T>
struct DeltaConvBackward {
  static constexpr int kLanes = 256;
  static constexpr const char* kName = "delta_conv_backward";
  static constexpr std::int64_t kRows = 64;  ///< of a block

  DeltaSource<T> from;
  const float* dc;  ///< [rows, channels]
  std::int64_t rows;
  T* dprojection;   ///< [rows, columns] without gaps
  float* partials;  ///< [blocks, partial_width], the first taps * channels of each
  std::int64_t partial_width;

  std::int64_t indices() const {
    return (rows + kRows - 1) / kRows * ((kernels::channels(from.layout) + kLanes - 1) / kLanes);
  }

  template <class Block>
  POLARIS_DEVICE void operator()(const Block& block, std::int64_t index) const {
    const std::int64_t channels = kernels::channels(from.layout);
    const std::int64_t tiles = (channels + kLanes - 1) / kLanes, rows_block = index / tiles;
    block.each([&](int lane) {
      const std::int64_t channel = index % tiles * kLanes + lane;
      if (channel < channels) walk(rows_block, channel);
    });
  }

 private:
  POLARIS_DEVICE void walk(std::int64_t rows_block, std::int64_t channel) const {
    const DeltaLayout& layout = from.layout;
    const std::int64_t channels = kernels::channels(layout), taps = layout.taps;
    const std::int64_t begin = rows_block * kRows;
    const std::int64_t end = begin + kRows < rows ? begin + kRows : rows;
    float sums[kMostTaps] = {};
    std::int64_t sequence = from.sequence_of(begin);
    for (std::int64_t row = begin; row < end; ++row) {
      while (row >= from.ends[sequence + 1]) ++sequence;
      const float own = dc[row * channels + channel];
      float dx = 0;
      for (int j = 0; j < kMostTaps; ++j) {
        if (j >= taps) break;
        const std::int64_t reader = row + taps - 1 - j;  // whose tap j sees this row
        if (reader < from.ends[sequence + 1])
          dx += layout.conv[j * channels + channel] * dc[reader * channels + channel];
        sums[j] += own * from.input(sequence, row - taps + 1 + j, channel);
      }
      kernels::store(dprojection[row * kernels::columns(layout) + channel], dx);
    }
    for (int j = 0; j < kMostTaps; ++j)
      if (j < taps) partials[rows_block * partial_width + j * channels + channel] = sums[j];
  }
};

/// Gradients of b and a, and sums over rows for those of A_log and dt_bias. An index is a block of
/// rows.
template <class T>
struct DeltaGatesBackward {
  static constexpr int kLanes = 32;
  static constexpr const char* kName = "delta_gates_backward";
  static constexpr std::int64_t kRows = DeltaConvBackward<T>::kRows;

  DeltaSource<T> from;
  kernels::DeltaTensors<const float, const T> upstream;
  std::int64_t rows;
  T* dprojection;
  float* partials;  ///< as of DeltaConvBackward, the last 2 * value_heads of each block
  std::int64_t partial_width;

  template <class Block>
  POLARIS_DEVICE void operator()(const Block& block, std::int64_t index) const {
    const std::int64_t heads = from.layout.value_heads;
    const std::int64_t begin = index * kRows;
    const std::int64_t end = begin + kRows < rows ? begin + kRows : rows;
    block.each([&](int lane) {
      for (std::int64_t h = lane; h < heads; h += kLanes) {
        float a_log = 0, dt_bias = 0;
        for (std::int64_t row = begin; row < end; ++row) add(row, h, a_log, dt_bias);
        float* sums = partials + (index + 1) * partial_width - 2 * heads;
        sums[h] = a_log;
        sums[heads + h] = dt_bias;
      }
    });
  }

 private:
  POLARIS_DEVICE void add(std::int64_t row, std::int64_t h, float& a_log, float& dt_bias) const {
    const DeltaLayout& layout = from.layout;
    const std::int64_t heads = layout.value_heads, width = kernels::columns(layout);
    const std::int64_t b = width - 2 * heads + h, a = b + heads;
    const T* x = from.projection + row * from.stride;
    const float beta = kernels::sigmoid(kernels::load(x[b]));
    kernels::store(dprojection[row * width + b],
                   upstream.beta[row * heads + h] * beta * (1.0F - beta));
    const float rate = -expf(layout.a_log[h]);
    const float biased = kernels::load(x[a]) + layout.dt_bias[h];
    const float dg = upstream.g[row * heads + h], da = dg * rate * kernels::sigmoid(biased);
    kernels::store(dprojection[row * width + a], da);
    a_log += dg * rate * softplus(biased);
    dt_bias += da;
  }
};

}  // namespace polaris::cuda
