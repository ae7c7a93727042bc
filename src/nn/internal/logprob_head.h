#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "nn/internal/weight.h"

namespace polaris::nn {

/// What the head says about R targets, in nats.
struct HeadScores {
  std::vector<float> logprobs;   ///< [R] log softmax(h W^T / temperature)[target]
  std::vector<float> entropies;  ///< [R] of the same distributions
  // For diagnosis, where they were asked for; else empty:
  std::vector<std::int64_t> top_ids;  ///< [R] the likeliest token
  std::vector<float> max_logits;      ///< [R] its h W^T, the temperature left out
};

/// A loss that is a function of log-probabilities: writes its derivative by each of those of the
/// targets `first`, `first` + 1 ...; called for all targets once, in order.
using LossGradient = std::function<void(std::int64_t first, std::span<const float> logprobs,
                                        std::span<float> gradient)>;

// Both walk over tiles of rows: logits [rows, vocab] of all targets never exist. Logits are float32
// as they come out of the product, whatever the type of its operands (float64 for float64), because
// a bfloat16 logit of 20 has steps of 0.125. Source: specs/performance.md B.

/// @param h        [R, D] hidden states behind the final norm, in the weight's type
/// @param weight   [V, D]
/// @param targets  [R] int64 in [0, V), on h's device
/// @throws Error{kInternal}, before anything is computed, for a target outside
HeadScores head_logprobs(const at::Tensor& h, const at::Tensor& weight, const at::Tensor& targets,
                         double temperature, bool with_top = false);

/// The same with the way back, in one visit:
///
///   dz = a (1[target] - softmax) / temperature,  dh = dz W,  dW = dz^T h
///
/// with a = d loss / d logprob from `loss_gradient`. Adds dW to weight.gradient, if that is there.
/// Tiles whose a are all 0 cost nothing on the way back.
/// @param dh         [R, D], overwritten
/// @param tile_rows  0: what suits the device
HeadScores head_forward_backward(const at::Tensor& h, const Weight& weight,
                                 const at::Tensor& targets, double temperature,
                                 const LossGradient& loss_gradient, const at::Tensor& dh,
                                 std::int64_t tile_rows = 0);

}  // namespace polaris::nn
