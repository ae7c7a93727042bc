#include "nn/toy_policy.h"

#include <cmath>

#include "base/error.h"

namespace polaris {

ToyDistribution::ToyDistribution(const ToyPolicy& policy) {
  double sum = 0.0;
  for (TokenId t = 0; t < ToyPolicy::kWords; ++t) {
    const double distance = (t - policy.skill) / ToyPolicy::kSpread;
    const double p = std::exp(-0.5 * distance * distance);
    logprobs_[static_cast<std::size_t>(t)] = -0.5 * distance * distance;
    sum += p;
    mean_ += p * t;
  }
  mean_ /= sum;
  for (double& logprob : logprobs_) logprob -= std::log(sum);
}

double ToyDistribution::logprob(TokenId token) const {
  POLARIS_CHECK(token >= 0 && token <= ToyPolicy::kEndOfText, "token {}", token);
  return token == ToyPolicy::kEndOfText ? 0.0 : logprobs_[static_cast<std::size_t>(token)];
}

double ToyDistribution::gradient(TokenId token) const {
  if (token == ToyPolicy::kEndOfText) return 0.0;
  return (token - mean_) / (ToyPolicy::kSpread * ToyPolicy::kSpread);
}

TokenId ToyDistribution::sample(double u) const {
  double cumulative = 0.0;
  for (TokenId t = 0; t + 1 < ToyPolicy::kWords; ++t) {
    cumulative += std::exp(logprob(t));
    if (u < cumulative) return t;
  }
  return ToyPolicy::kWords - 1;
}

}  // namespace polaris
