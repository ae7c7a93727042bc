/// A decode step's own small parts: which token of which slot stands in which row, and what becomes
/// of the heads of full attention. A step has rows; a row is a slot, or -1: nothing.
#pragma once

#include "nn/cuda/blocks.h"
#include "nn/cuda/slot_state.h"
#include "nn/kernels/norm_rows.h"

namespace polaris::cuda {

/// Begins a step: every row's token takes the next place of its slot's cache. A sequence that has
/// ended goes on over that place, where nobody will look, until the host takes it out.
struct BeginStep {
  static constexpr int kLanes = 32;
  static constexpr const char* kName = "begin_step";

  std::int64_t rows;
  std::int64_t max_tokens;    ///< of a slot's cache
  const std::int32_t* slots;  ///< [rows]
  SlotState* states;          ///< [slots]

  std::int64_t* tokens;     ///< [rows] what goes in; 0 where there is no slot
  std::int32_t* positions;  ///< [rows] where
  std::int32_t* key_begin;  ///< [rows + 1] first row of the slot's keys in the cache
  std::int32_t* key_count;  ///< [rows] keys with the new one

  POLARIS_DEVICE static std::int64_t blocks(std::int64_t rows) { return rows / kLanes + 1; }

  template <class Block>
  POLARIS_DEVICE void operator()(const Block& block, std::int64_t index) const {
    block.each([&](int lane) {
      const std::int64_t row = index * kLanes + lane;
      if (row == rows) key_begin[row] = 0;
      if (row >= rows) return;
      const std::int32_t slot = slots[row];
      const SlotState state = slot < 0 ? SlotState() : states[slot];
      const auto last = static_cast<std::int32_t>(max_tokens) - 1;
      const std::int32_t position = state.length < last ? state.length : last;
      tokens[row] = state.next;
      positions[row] = position;
      key_begin[row] = slot < 0 ? 0 : slot * (last + 1);
      key_count[row] = position + 1;
      if (state.status == SlotStatus::kWriting) states[slot].length = position + 1;
    });
  }
};

/// Norm and rotation of every head's row, as nn/internal/attention_inputs.h has them; keys and
/// values go to their place in the cache. A warp takes one head of one row.
template <class T>
struct WriteHeads {
  static constexpr int kLanes = 32;
  static constexpr const char* kName = "write_heads";

  std::int64_t heads, kv_heads, head_dim;
  std::int64_t query_stride;  ///< columns from one query head to the next: 2 d with gates
  std::int64_t rotary_dims;
  bool has_norms;
  kernels::Norm query_norm, key_norm;
  const float *cos, *sin;  ///< [max_tokens, rotary_dims / 2]
  std::int64_t max_tokens;

  const std::int32_t* slots;      ///< [rows]
  const std::int32_t* positions;  ///< [rows]
  const T* projection;            ///< [rows, stride]
  std::int64_t stride;
  T* q;              ///< [rows, heads, d]
  T *keys, *values;  ///< [slots, max_tokens, kv_heads, d]

  POLARIS_DEVICE std::int64_t items() const { return heads + 2 * kv_heads; }

  template <class Block>
  POLARIS_DEVICE void operator()(const Block& block, std::int64_t index) const {
    const std::int64_t row = index / items(), item = index % items();
    const std::int32_t slot = slots[row];
    if (slot < 0) return;
    const std::int64_t kv = item - heads;  // of keys, then of values
    const T* from = projection + row * stride +
                    (kv < 0 ? item * query_stride : heads * query_stride + kv * head_dim);
    const std::int64_t place = slot * max_tokens + positions[row];
    if (kv < 0) {
      turn(block, query_norm, positions[row], from, q + (row * heads + item) * head_dim);
    } else if (kv < kv_heads) {
      turn(block, key_norm, positions[row], from, keys + (place * kv_heads + kv) * head_dim);
    } else {
      T* to = values + (place * kv_heads + kv - kv_heads) * head_dim;
      block.each([&](int lane) {
        for (std::int64_t i = lane; i < head_dim; i += kLanes) to[i] = from[i];
      });
    }
  }

 private:
  template <class Block>
  POLARIS_DEVICE void turn(const Block& block, const kernels::Norm& norm, std::int64_t position,
                           const T* from, T* to) const {
    float r = 1.0F;
    if (has_norms) {
      const float squares = block.sum([&](int lane) {
        float sum = 0.0F;
        for (std::int64_t i = lane; i < head_dim; i += kLanes)
          sum += kernels::load(from[i]) * kernels::load(from[i]);
        return sum;
      });
      r = kernels::inverse_root(squares / static_cast<float>(head_dim) + norm.eps);
    }
    const auto normed = [&](std::int64_t i) {
      const float x = kernels::load(from[i]);
      if (!has_norms) return x;
      if (norm.zero_centred) return kernels::rounded<T>(x * r * (1.0F + norm.weight[i]));
      return kernels::rounded<T>(kernels::rounded<T>(x * r) * norm.weight[i]);
    };
    const std::int64_t half = rotary_dims / 2;
    block.each([&](int lane) {
      for (std::int64_t i = lane; i < half; i += kLanes) {
        const float c = cos[position * half + i], s = sin[position * half + i];
        const float a = normed(i), b = normed(half + i);
        kernels::store(to[i], a * c - b * s);
        kernels::store(to[half + i], b * c + a * s);
      }
      for (std::int64_t i = rotary_dims + lane; i < head_dim; i += kLanes)
        kernels::store(to[i], normed(i));
    });
  }
};

}  // namespace polaris::cuda
