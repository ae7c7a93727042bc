#pragma once

#include <cstdint>

#include "weights/lora.h"
#include "weights/model_config.h"

namespace polaris {

/// What one layer needs, in bytes per token of a micro-batch. Its input is not counted: that is a
/// checkpoint of the layer driver (specs/performance.md D.2).
struct LayerMemory {
  std::int64_t saved = 0;      ///< kept from the forward pass for the backward pass
  std::int64_t peak = 0;       ///< at the worst moment of forward and backward; `saved` is in it
  std::int64_t inference = 0;  ///< at the worst moment of a forward pass that keeps nothing

  LayerMemory& operator+=(const LayerMemory& other);
};

/// The chunked gated delta rule alone, computed in float32 whatever the type around it, as batched
/// products over chunks of 64 tokens (specs/performance.md A.7). Counted in numbers per token, Hv
/// value heads of V, keys of K:
///
///   saved     A 64 Hv, U V Hv, chunk states K V Hv / 64
///   forward   besides: q and k expanded to the value heads 2 K Hv, v and o 2 V Hv, P 64 Hv
///   backward  besides saved: q and k as before, dO and dV 2 V Hv, the states' gradients
///             K V Hv / 64, Y and Z 2 * 64 Hv, dQ and dK 2 K Hv
///
/// For Qwen3.5-9B saved and forward together are 1.1 GB at 8,448 tokens.
LayerMemory delta_rule_memory(const LinearAttentionConfig& linear);

/// One decoder layer whose nodes have a hand-written backward (specs/performance.md D.2), with
/// activations of `width` bytes. Numbers per token, D hidden, I intermediate size, H query and Hkv
/// key heads of d, C channels of the convolution, R rows of the joined q, k, v (and gate) matrix:
///
///   full attention    saved     normed input D, projections R, rotated q and k (H + Hkv) d,
///                               output H d, gated output H d (where there is a gate), sum D
///                     backward  gradients of output H d, q, k, v (H + 2 Hkv) d, projections R,
///                               sum D
///   linear attention  saved     normed input D, projections C + V Hv + 2 Hv, convolved C,
///                               output V Hv, gated output V Hv, sum D, delta rule
///                     backward  gradients of output and gate 2 V Hv, convolved channels C, sum D,
///                               delta rule
///   feed-forward      saved     normed input D, gate and up 2 I, product I, layer output D
///                     backward  gradients of the product I, gate and up 2 I, normed input and
///                               layer output 2 D
///
/// The feed-forward part goes backward first and frees what it saved before the mixer begins.
LayerMemory layer_memory(const ModelConfig& config, LayerKind kind, std::int64_t width);

/// What the adapters on the projections of a layer add: every x A^T for the backward pass, with its
/// gradient for a while, and sums in float32, where activations are narrower, of the widest
/// projection.
LayerMemory adapter_memory(const LoraLayout& layout, std::size_t layer, std::int64_t width);

}  // namespace polaris
