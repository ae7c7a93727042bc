#pragma once

#include <array>

#include "rl/types.h"

namespace polaris {

/// A language model of one parameter, for tests and rehearsals of the loop. A word is a number
/// 0 ... 99; its log-probability is a bell curve around `skill`:
///
///   log p(t) = log softmax over t' of -(t' - skill)^2 / (2 spread^2)
///
/// FakeJudge takes the mean of the words as points, so a policy that learns writes larger ones.
struct ToyPolicy {
  static constexpr TokenId kWords = 100;
  static constexpr TokenId kEndOfText = kWords;  ///< certain where it stands: log-probability 0
  static constexpr double kSpread = 12.0;

  double skill = 30.0;
};

/// The words of a policy as it is now.
class ToyDistribution {
 public:
  explicit ToyDistribution(const ToyPolicy& policy);

  double logprob(TokenId token) const;

  /// d logprob / d skill
  double gradient(TokenId token) const;

  /// Inverse of the cumulative distribution; u in [0, 1).
  TokenId sample(double u) const;

 private:
  std::array<double, ToyPolicy::kWords> logprobs_{};
  double mean_ = 0.0;
};

}  // namespace polaris
