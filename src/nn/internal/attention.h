#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>

#include "nn/internal/packed.h"

namespace polaris::nn {

/// Causal softmax attention within each sequence (specs/qwen3_5.md 3.3, 8):
///
///   o_i = sum_j p_ij v_j,   p_i = softmax over the visible j of scale q_i . k_j
///
/// Query i sees key j of its own sequence if 0 <= i - j, and i - j < window where there is one.
/// Query head h reads key head h / (H / Hkv). Scores and sums are float32 (float64 for float64).
///
/// On a GPU bfloat16 goes through FlashAttention (attention_flash.h), which rounds p to bfloat16;
/// everything else there makes a matrix of scores for every head of a sequence.
///
/// @param q     [T, H, d] float32, bfloat16 or float64
/// @param k, v  [T, Hkv, d] of the same type; Hkv divides H
/// @return      [T, H, d] of the same type; differentiable in q, k and v
at::Tensor packed_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                            const PackedSequences& sequences, std::optional<std::int64_t> window,
                            double scale);

/// The same for the newest tokens of one sequence whose keys and values lie in a cache. Not
/// differentiable.
///
/// @param q             [n, H, d] the tokens at positions past .. past + n - 1
/// @param keys, values  [length, Hkv, d]; rows 0 .. past + n - 1 are read
/// @return              [n, H, d]
at::Tensor cached_attention(const at::Tensor& q, const at::Tensor& keys, const at::Tensor& values,
                            std::int64_t past, std::optional<std::int64_t> window, double scale);

/// The definition: plain ATen operations.
namespace composite {
at::Tensor packed_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                            const PackedSequences& sequences, std::optional<std::int64_t> window,
                            double scale);
}  // namespace composite

}  // namespace polaris::nn
