#pragma once

#include <ATen/core/Tensor.h>

#include "nn/internal/weight.h"

namespace polaris::nn {

/// How a model's RMSNorm is computed (specs/qwen3_5.md 3.1 and 8), with
/// x_hat = x (mean(x^2) + eps)^(-1/2) in float32:
///
///   zero_centred   y = cast(x_hat (1 + w))       Qwen3.5
///   otherwise      y = cast(cast(x_hat) w)       Llama, Qwen3, Mistral
struct NormStyle {
  double eps = 1e-6;
  bool zero_centred = false;
};

// The operations below take activations in float32, bfloat16 or (all tensors) float64, on any
// device, and run fused kernels for the first two on CPUs and GPUs. Gradients reach a weight only
// through a result that requires grad, which is one whose activations require grad.

/// @param x       [T, D]
/// @param weight  [D]
/// @return        [T, D] of x's type
at::Tensor rms_norm(const at::Tensor& x, const Weight& weight, const NormStyle& style);

struct NormedSum {
  at::Tensor sum;     ///< [T, D] x + delta, rounded to their type
  at::Tensor normed;  ///< [T, D] its norm
};

/// A residual connection and the norm behind it, in one pass each way.
/// @param x, delta  [T, D] of the same type
NormedSum add_rms_norm(const at::Tensor& x, const at::Tensor& delta, const Weight& weight,
                       const NormStyle& style);

/// The gated norm of linear attention: y = cast(cast(x_hat) w silu(z)), x_hat over one head of o.
///
/// @param o       [T, Hv, V] float32 (float64)
/// @param z       [T, Hv, V]
/// @param weight  [V], plain
/// @return        [T, Hv * V] of z's type
at::Tensor gated_rms_norm(const at::Tensor& o, const at::Tensor& z, const Weight& weight,
                          double eps);

/// The definitions: plain ATen operations.
namespace composite {
at::Tensor rms_norm(const at::Tensor& x, const Weight& weight, const NormStyle& style);
NormedSum add_rms_norm(const at::Tensor& x, const at::Tensor& delta, const Weight& weight,
                       const NormStyle& style);
at::Tensor gated_rms_norm(const at::Tensor& o, const at::Tensor& z, const Weight& weight,
                          double eps);
}  // namespace composite

}  // namespace polaris::nn
