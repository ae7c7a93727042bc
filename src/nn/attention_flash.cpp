#include "nn/internal/attention_flash.h"

#include <ATen/ops/_flash_attention_backward.h>
#include <ATen/ops/_flash_attention_forward.h>
#include <ATen/ops/tensor.h>

#include <tuple>

#include "nn/internal/cuda_modes.h"
#include "nn/internal/fused.h"

namespace polaris::nn {
namespace {

/// Keys before its own that a query sees.
std::optional<std::int64_t> reach(std::optional<std::int64_t> window) {
  return window ? std::optional(*window - 1) : std::nullopt;
}

at::Tensor dense_heads(const at::Tensor& x) {
  const at::Tensor plain = x.detach();
  return plain.stride(2) == 1 ? plain : plain.contiguous();
}

}  // namespace

bool has_flash_attention(const at::Tensor& q, const PackedSequences& sequences) {
  const std::int64_t width = q.size(2);
  return q.is_cuda() && q.scalar_type() == at::kBFloat16 && width % 8 == 0 &&
         (width <= 192 || width == 256) && sequences.max_length() > 1;
}

at::Tensor flash_attention(const at::Tensor& q_input, const at::Tensor& k_input,
                           const at::Tensor& v_input, const PackedSequences& sequences,
                           std::optional<std::int64_t> window, double scale) {
  const at::Tensor q = dense_heads(q_input), k = dense_heads(k_input), v = dense_heads(v_input);
  // The copy waits for nothing: CUDA has read it before it returns.
  const at::Tensor ends =
      at::tensor(sequences.cu_seqlens(), at::kInt).to(q.device(), /*non_blocking=*/true);
  const std::int64_t longest = sequences.max_length();
  constexpr double kDropout = 0;
  constexpr bool kCausal = true;
  const auto [o, logsumexps, random_state, unused, mask] = at::_flash_attention_forward(
      q, k, v, ends, ends, longest, longest, kDropout, kCausal, /*return_debug_mask=*/false, scale,
      reach(window), /*window_size_right=*/0);
  const Backward backward = [=, result = o.detach(), sums = logsumexps, state = random_state,
                             rest = unused](const Tensors& upstream) -> Tensors {
    const DeterministicOperations deterministic;
    const auto [dq, dk, dv] = at::_flash_attention_backward(
        upstream[0], q, k, v, result, sums, ends, ends, longest, longest, kDropout, kCausal, state,
        rest, scale, reach(window), /*window_size_right=*/0);
    return {dq, dk, dv};
  };
  return record({q_input, k_input, v_input}, {o}, backward)[0];
}

}  // namespace polaris::nn
