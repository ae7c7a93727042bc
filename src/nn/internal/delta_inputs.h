#pragma once

#include <ATen/core/Tensor.h>

#include "nn/internal/packed.h"
#include "nn/internal/weight.h"
#include "weights/model_config.h"

namespace polaris::nn {

/// What stands between the projection and the delta rule. Columns of the projection:
///
///   Hk times K query | Hk times K key | Hv times V value | Hv times V z | Hv b | Hv a
///
/// The first C = conv_dim() columns go through the convolution.
struct DeltaInputWeights {
  Weight conv;     ///< [C, 1, kernel]; the last tap multiplies the current token
  Weight a_log;    ///< [Hv]
  Weight dt_bias;  ///< [Hv]
};

/// What the delta rule and the gated norm read; float32 (float64) but for z.
struct DeltaInputs {
  at::Tensor q;     ///< [T, Hk, K] of length 1, not scaled
  at::Tensor k;     ///< [T, Hk, K] of length 1
  at::Tensor v;     ///< [T, Hv, V]
  at::Tensor g;     ///< [T, Hv] logarithm of the decay, <= 0
  at::Tensor beta;  ///< [T, Hv]
  at::Tensor z;     ///< [T, Hv, V] of the projection's type
};

/// Causal convolution and SiLU, L2 norms, decay and write strength (specs/qwen3_5.md 3.4, steps
/// 2 to 5):
///
///   c = silu(conv(m)),  q, k = c (sum c^2 + 1e-6)^(-1/2),  v = c
///   beta = sigmoid(b),  g = -e^(A_log) softplus(a + dt_bias)
///
/// Nothing is rounded to the projection's type. Rows before a sequence are zero, or its rows of
/// `conv_state`, which gets no gradient. Types and devices as in nn/internal/norm.h; backward
/// writes one gradient of the projection.
///
/// @param projection  [T, C + Hv V + 2 Hv]; rows may lie apart
/// @param conv_state  [N, kernel - 1, C] as conv_state_after() gives it; undefined: none
DeltaInputs delta_inputs(const at::Tensor& projection, const DeltaInputWeights& weights,
                         const LinearAttentionConfig& config, const PackedSequences& sequences,
                         const at::Tensor& conv_state = {});

/// What the convolution must know to go on behind these sequences: the last kernel - 1 rows of
/// each, as projected, oldest first; of shorter ones, older rows come from `conv_state` or are
/// zero. Not differentiable.
/// @return [N, kernel - 1, C] of the projection's type
at::Tensor conv_state_after(const at::Tensor& projection, const LinearAttentionConfig& config,
                            const PackedSequences& sequences, const at::Tensor& conv_state = {});

/// The definition: plain ATen operations.
namespace composite {
DeltaInputs delta_inputs(const at::Tensor& projection, const DeltaInputWeights& weights,
                         const LinearAttentionConfig& config, const PackedSequences& sequences,
                         const at::Tensor& conv_state = {});
}  // namespace composite

/// CPU kernels, for float32 and bfloat16.
namespace fused {
DeltaInputs delta_inputs(const at::Tensor& projection, const DeltaInputWeights& weights,
                         const LinearAttentionConfig& config, const PackedSequences& sequences,
                         const at::Tensor& conv_state = {});
}  // namespace fused

/// Kernels for a GPU (nn/cuda/delta_inputs_blocks.h), for float32 and bfloat16.
namespace gpu {
/// Whether there are, for this projection: convolutions have at most four taps.
bool has_delta_inputs(const at::Tensor& projection, const LinearAttentionConfig& config);

DeltaInputs delta_inputs(const at::Tensor& projection, const DeltaInputWeights& weights,
                         const LinearAttentionConfig& config, const PackedSequences& sequences,
                         const at::Tensor& conv_state = {});
}  // namespace gpu

/// conv_state, or zeros of its shape if that is undefined.
at::Tensor rows_before(const at::Tensor& projection, const LinearAttentionConfig& config,
                       const PackedSequences& sequences, const at::Tensor& conv_state);

}  // namespace polaris::nn
