#pragma once

#include "nn/internal/decoder.h"
#include "nn/internal/logprob_head.h"
#include "nn/internal/packed_targets.h"
#include "nn/internal/trunk.h"

namespace polaris::nn {

/// One forward and backward pass over packed sequences: adds the gradient of a loss that is a
/// function of the targets' log-probabilities to the store's gradient arena.
///
/// Only hidden states that predict a target go through the final norm and the head.
/// @param loss_gradient  the loss: given log-probabilities, its derivative by each
/// @param head_rows      of a tile of logits; 0: what suits the device
/// @return               log-probabilities and entropies of pack.targets
HeadScores gradient_pass(const Decoder& decoder, Trunk& trunk, const PackedTargets& pack,
                         double temperature, const LossGradient& loss_gradient,
                         std::int64_t head_rows = 0);

}  // namespace polaris::nn
