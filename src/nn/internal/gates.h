#pragma once

#include <ATen/core/Tensor.h>

namespace polaris::nn {

// Types and devices as in nn/internal/norm.h.

/// The middle of the MLP: silu(gate) * up.
/// @param gate_up  [T, 2 I]: all gate columns, then all up columns
/// @return         [T, I]
at::Tensor silu_mul(const at::Tensor& gate_up);

/// The output of attention, o sigmoid(gate), as the next projection reads it.
/// @param o     [T, H, d] float32 (float64); on a GPU also of type `type`
/// @param gate  [T, H, d] of type `type`; undefined: the model has none, and o is only rounded
/// @return      [T, H * d] of type `type`
at::Tensor gate_attention(const at::Tensor& o, const at::Tensor& gate, at::ScalarType type);

/// The definitions: plain ATen operations.
namespace composite {
at::Tensor silu_mul(const at::Tensor& gate_up);
at::Tensor gate_attention(const at::Tensor& o, const at::Tensor& gate, at::ScalarType type);
}  // namespace composite

}  // namespace polaris::nn
