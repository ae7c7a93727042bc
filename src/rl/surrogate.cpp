#include "rl/surrogate.h"

#include <algorithm>
#include <cmath>

namespace polaris {

TokenLoss surrogate(double logprob, double old_logprob, double advantage,
                    const LossConfig& config) {
  constexpr double kMaxLogRatio = 20.0;
  const double log_ratio = logprob - old_logprob;
  const double ratio = std::exp(std::clamp(log_ratio, -kMaxLogRatio, kMaxLogRatio));
  const double unclipped = -advantage * ratio;
  const double clipped =
      -advantage * std::clamp(ratio, 1.0 - config.clip_low, 1.0 + config.clip_high);

  TokenLoss token{.loss = std::max(unclipped, clipped), .ratio = ratio};
  token.clipped = clipped > unclipped;
  if (const double bound = -config.dual_clip * advantage; advantage < 0.0 && bound < token.loss) {
    token.loss = bound;
    token.dual_clipped = true;
  }
  const bool follows_ratio =
      !token.clipped && !token.dual_clipped && std::abs(log_ratio) <= kMaxLogRatio;
  token.gradient = follows_ratio ? unclipped : 0.0;  // d(-A e^x)/dx = -A e^x
  return token;
}

double truncated_importance_weight(double logprob, double sampler_logprob, double cap) {
  return std::min(std::exp(logprob - sampler_logprob), cap);
}

}  // namespace polaris
