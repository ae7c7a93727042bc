#pragma once

#include "rl/loss.h"

namespace polaris {

/// Loss of one response token and what became of it.
struct TokenLoss {
  double loss = 0.0;
  double gradient = 0.0;  ///< d loss / d logprob
  double ratio = 1.0;
  bool clipped = false;       ///< the clipped ratio decided
  bool dual_clipped = false;  ///< the bound for negative advantages decided
};

/// Clipped policy-gradient surrogate with dual clip, and its derivative, for one token:
///
///   ratio = exp(clamp(logprob - old_logprob, -20, 20))
///   l = max(-A ratio, -A clamp(ratio, 1 - clip_low, 1 + clip_high));  if A < 0: min(l, -dual A)
///
/// In double and without tricks: the definition that nn/'s loss is tested against.
/// @param logprob, old_logprob  nats
/// Source: specs/recipe.md 8 (PPO, DAPO's clip-higher, dual clip).
TokenLoss surrogate(double logprob, double old_logprob, double advantage, const LossConfig& config);

/// min(exp(logprob - sampler_logprob), cap): corrects a token that was drawn from a slightly
/// different distribution (quantised or filtered sampler). A constant for the gradient.
double truncated_importance_weight(double logprob, double sampler_logprob, double cap);

}  // namespace polaris
