#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/error.h"
#include "base/token_id.h"
#include "rollout/rollout_config.h"

namespace polaris {

/// Draws from the distribution that temperature, top-k, top-p and min-p leave of some logits, in
/// this order. Each of the filters keeps the likeliest tokens, ties by the lower id:
///
///   top-k   the k likeliest
///   top-p   the fewest whose share of what survived top-k is at least top_p
///   min-p   those whose probability is at least min_p times that of the likeliest
///
/// Keeps memory between calls; one per thread. Sources: specs/local_inference.md 7 (order "hf").
class TokenChoice {
 public:
  struct Result {
    TokenId token;
    double logprob;  ///< nats, of the distribution that was drawn from
  };

  /// Walks the kept tokens, likeliest first, to the one where the sum of probabilities exceeds
  /// `uniform`; temperature 0 takes the likeliest.
  /// @param logits  [vocabulary], finite or -infinity (never drawn), at least one finite
  /// @param uniform  in [0, 1)
  Result draw(std::span<const float> logits, const SamplingConfig& config, double uniform);

 private:
  struct Candidate {
    float logit;
    TokenId id;
  };
  struct IsLikelier {
    bool operator()(const Candidate& a, const Candidate& b) const {
      return a.logit > b.logit || (a.logit == b.logit && a.id < b.id);
    }
  };

  void select(std::size_t count);
  double weight(std::size_t rank);
  double total_weight();

  // Of the call.
  std::span<const float> logits_;
  double temperature_ = 1.0;
  std::size_t limit_ = 0;  // tokens that survive top-k

  std::vector<Candidate> top_;  // the likeliest, in order; grown as far as it is asked for
};

/// For logits that are no numbers.
Error damaged_logits();

/// The row's log-probabilities without any filter: log softmax(logits / temperature), as the
/// trainer computes them, and once it has them, free of the row. Softmax sums are in double.
class PlainSoftmax {
 public:
  /// @throws Error{kInvalidData} if a logit is not a finite number
  void set(std::span<const float> logits, double temperature);

  double logprob(TokenId token) const;

 private:
  std::span<const float> logits_;
  double inverse_temperature_ = 1.0, max_ = 0.0, log_sum_ = 0.0;
};

}  // namespace polaris
