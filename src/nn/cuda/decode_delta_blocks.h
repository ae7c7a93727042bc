/// Linear attention for one token of every row, from the projection to what the output projection
/// reads (specs/performance.md A.9): two kernels, because the value heads that share a key head
/// would race for its convolution rows.
#pragma once

#include "nn/cuda/blocks.h"
#include "nn/cuda/lane_local.h"
#include "nn/kernels/delta_inputs_kernels.h"
#include "nn/kernels/norm_rows.h"

namespace polaris::cuda {

/// Convolution, SiLU, norms, decay and write strength (nn/internal/delta_inputs.h), and the rows
/// that the next token's convolution needs. A warp takes one head of one row: queries, then keys,
/// then values.
template <class T>
struct ConvolveToken {
  static constexpr int kLanes = 32;
  static constexpr const char* kName = "convolve_token";

  kernels::DeltaLayout shape;  ///< without its conv
  const float* conv;           ///< [channels, taps]
  const std::int32_t* slots;   ///< [rows]
  const T* projection;         ///< [rows, stride]
  std::int64_t stride;
  T* history;       ///< [slots, taps - 1, channels], oldest first
  float* mixed;     ///< [rows, channels] q, k and v
  float *g, *beta;  ///< [rows, value_heads]

  POLARIS_DEVICE std::int64_t items() const { return 2 * shape.key_heads + shape.value_heads; }

  template <class Block>
  POLARIS_DEVICE void operator()(const Block& block, std::int64_t index) const {
    const std::int64_t row = index / items(), item = index % items();
    const std::int32_t slot = slots[row];
    if (slot < 0) return;
    const std::int64_t value_head = item - 2 * shape.key_heads;
    const bool is_key = value_head < 0;
    const std::int64_t dim = is_key ? shape.key_dim : shape.value_dim;
    const std::int64_t first =
        is_key ? item * shape.key_dim : 2 * kernels::key_columns(shape) + value_head * dim;
    const std::int64_t count = kernels::channels(shape);
    T* past = history + slot * (shape.taps - 1) * count;
    float* out = mixed + row * count;
    block.each([&](int lane) {
      for (std::int64_t c = first + lane; c < first + dim; c += kLanes)
        out[c] = kernels::silu(convolve(past + c, count, projection[row * stride + c], c));
      if (!is_key && lane == 0) write_gates(row, value_head);
    });
    if (!is_key) return;
    const float squares = block.sum([&](int lane) {
      float sum = 0.0F;
      for (std::int64_t c = first + lane; c < first + dim; c += kLanes) sum += out[c] * out[c];
      return sum;
    });
    constexpr float kEpsilon = 1e-6F;
    const float r = kernels::inverse_root(squares + kEpsilon);
    block.each([&](int lane) {
      for (std::int64_t c = first + lane; c < first + dim; c += kLanes) out[c] *= r;
    });
  }

 private:
  /// One channel's sum over the taps; its rows move on by one.
  POLARIS_DEVICE float convolve(T* past, std::int64_t count, T current, std::int64_t c) const {
    const float* w = conv + c * shape.taps;
    float sum = 0.0F;
    for (std::int64_t j = 0; j + 1 < shape.taps; ++j) {
      sum += w[j] * kernels::load(past[j * count]);
      past[j * count] = j + 2 < shape.taps ? past[(j + 1) * count] : current;
    }
    return sum + w[shape.taps - 1] * kernels::load(current);
  }

  POLARIS_DEVICE void write_gates(std::int64_t row, std::int64_t head) const {
    const T* b =
        projection + row * stride + kernels::channels(shape) + kernels::value_columns(shape) + head;
    const float a = kernels::load(b[shape.value_heads]) + shape.dt_bias[head];
    const float softplus = a > 20.0F ? a : __builtin_log1pf(__builtin_expf(a));
    beta[row * shape.value_heads + head] = kernels::sigmoid(kernels::load(*b));
    g[row * shape.value_heads + head] = -__builtin_expf(shape.a_log[head]) * softplus;
  }
};

/// The delta rule and the gated norm. A block takes one value head of one row: a lane has four
/// columns of the state and kRows of its rows, all loaded before anything else. Both products are
/// of the old state S,
///
///   x = k S,  y = q S,  d = beta (v - a x),  o = scale (a y + d (k . q)),  S = a S + k^T d
///
/// with a = e^g, so that the output does not wait for the update. The state lies as everywhere,
/// [K, V]: its rows are as long as those of a transposed one, and sums over keys meet in shared
/// memory.
template <class T, int kRows>
struct DeltaStep {
  static constexpr int kLanes = 256;
  static constexpr int kColumns = 4;        ///< of a lane
  static constexpr int kMaxValueDim = 256;  ///< a multiple of kColumns
  static constexpr const char* kName = "delta_step";

  kernels::DeltaLayout shape;
  float scale;
  kernels::Norm norm;         ///< of a head's output, plain
  const std::int32_t* slots;  ///< [rows]
  const float* mixed;         ///< [rows, channels] of ConvolveToken
  const float *g, *beta;      ///< likewise
  const T* z;                 ///< [rows, stride], head after head
  std::int64_t stride;
  float* states;  ///< [slots, value_heads, K, V]
  T* y;           ///< [rows, value_heads, V]

  /// Rows of the state that a lane has, for heads of this size.
  static constexpr std::int64_t rows_of_lane(std::int64_t key_dim, std::int64_t value_dim) {
    const std::int64_t groups = kLanes / (value_dim / kColumns);
    return (key_dim + groups - 1) / groups;
  }

  struct alignas(16) Quad {
    float column[kColumns];
  };
  struct Tile {
    Quad rows[kRows];
  };

  template <class Block>
  POLARIS_DEVICE void operator()(const Block& block, std::int64_t index) const {
    const std::int64_t row = index / shape.value_heads, head = index % shape.value_heads;
    const std::int32_t slot = slots[row];
    if (slot < 0) return;
    const std::int64_t size = shape.key_dim * shape.value_dim;
    float* state = states + (slot * shape.value_heads + head) * size;
    const std::int64_t key_head = head / (shape.value_heads / shape.key_heads);
    const float* q = mixed + row * kernels::channels(shape) + key_head * shape.key_dim;
    const float* k = q + kernels::key_columns(shape);
    const float* v = mixed + row * kernels::channels(shape) + 2 * kernels::key_columns(shape) +
                     head * shape.value_dim;
    const float decay = kernels::exp(g[row * shape.value_heads + head]);
    const float strength = beta[row * shape.value_heads + head];

    LaneLocal<Tile, Block> tiles;
    Quad* x_parts = block.template shared<Quad, 2 * kLanes>();
    Quad* y_parts = x_parts + kLanes;
    block.each([&](int lane) {
      Tile& tile = tiles[lane];
      for_rows(lane, [&](int i, std::int64_t at, std::int64_t /*key*/) {
        tile.rows[i] = *reinterpret_cast<const Quad*>(state + at);
      });
      Quad x = {}, y_sum = {};
      for_rows(lane, [&](int i, std::int64_t /*at*/, std::int64_t key) {
        for (int c = 0; c < kColumns; ++c) {
          x.column[c] += k[key] * tile.rows[i].column[c];
          y_sum.column[c] += q[key] * tile.rows[i].column[c];
        }
      });
      x_parts[lane] = x;
      y_parts[lane] = y_sum;
    });
    const float k_dot_q = block.sum([&](int lane) {
      float sum = 0.0F;
      for (std::int64_t i = lane; i < shape.key_dim; i += kLanes) sum += k[i] * q[i];
      return sum;
    });

    float* deltas = block.template shared<float, 2 * kMaxValueDim>();
    float* o = deltas + kMaxValueDim;
    block.each([&](int lane) {
      if (lane >= shape.value_dim) return;
      const float old = column_sum(x_parts, lane), read = column_sum(y_parts, lane);
      deltas[lane] = strength * (v[lane] - decay * old);
      o[lane] = scale * (decay * read + deltas[lane] * k_dot_q);
    });
    block.each([&](int lane) {
      Tile& tile = tiles[lane];
      const float* d = deltas + first_column(lane);
      const float delta[kColumns] = {d[0], d[1], d[2], d[3]};
      for_rows(lane, [&](int i, std::int64_t at, std::int64_t key) {
        for (int c = 0; c < kColumns; ++c)
          tile.rows[i].column[c] = decay * tile.rows[i].column[c] + k[key] * delta[c];
        *reinterpret_cast<Quad*>(state + at) = tile.rows[i];
      });
    });
    const float squares =
        block.sum([&](int lane) { return lane < shape.value_dim ? o[lane] * o[lane] : 0.0F; });
    const float r = kernels::inverse_root(squares / static_cast<float>(shape.value_dim) + norm.eps);
    block.each([&](int lane) {
      if (lane >= shape.value_dim) return;
      const float gate = kernels::load(z[row * stride + head * shape.value_dim + lane]);
      kernels::store(y[(row * shape.value_heads + head) * shape.value_dim + lane],
                     kernels::rounded<T>(o[lane] * r) * norm.weight[lane] * kernels::silu(gate));
    });
  }

 private:
  POLARIS_DEVICE int lanes_across() const { return static_cast<int>(shape.value_dim) / kColumns; }

  POLARIS_DEVICE int first_column(int lane) const { return lane % lanes_across() * kColumns; }

  /// work(i, place in the state, key) for the rows of a lane.
  template <class Work>
  POLARIS_DEVICE void for_rows(int lane, const Work& work) const {
    const int across = lanes_across(), groups = kLanes / across, group = lane / across;
    const int count = (static_cast<int>(shape.key_dim) + groups - 1) / groups;
    const int first = group * count, column = first_column(lane);
    if (group >= groups) return;
    for (int i = 0; i < kRows; ++i) {
      const std::int64_t key = first + i;
      if (i < count && key < shape.key_dim) work(i, key * shape.value_dim + column, key);
    }
  }

  /// What the groups of lanes found for a column, in their order.
  POLARIS_DEVICE float column_sum(const Quad* parts, int column) const {
    const int across = lanes_across(), groups = kLanes / across;
    float sum = 0.0F;
    for (int group = 0; group < groups; ++group)
      sum += parts[group * across + column / kColumns].column[column % kColumns];
    return sum;
  }
};

}  // namespace polaris::cuda
