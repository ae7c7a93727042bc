#pragma once

#include <cstdint>
#include <vector>

#include "nn/collective.h"
#include "rl/surrogate.h"
#include "rl/types.h"

namespace polaris {

/// What the rows of an update are pulled towards.
enum class Objective {
  kPolicyGradient,  ///< the surrogate of rl/surrogate.h
  kLikelihood,      ///< -log-probability times the advantage: supervised training
};

/// Loss of response token `t` of `row` and its derivative by the log-probability, without the row's
/// coefficient. A row without old_logprobs was made by this very policy: ratio 1. Truncated
/// importance weights multiply both where the row has sampler_logprobs.
/// @param logprob  nats, of that token under the trained policy
TokenLoss row_token_loss(const Row& row, std::size_t t, double logprob, const LossConfig& config,
                         Objective objective);

/// Adds up what one update reports (UpdateStats), in the order of calls.
class TokenTally {
 public:
  void add_row(const Row& row);

  /// @param entropy  nats, of the distribution the token was scored by
  void add_token(const Row& row, std::size_t t, double logprob, double entropy,
                 const TokenLoss& loss);

  /// Adds what the tokens of other ranks gave; their rows were all ranks' own. All ranks call it.
  void add_other_ranks(Collective& collective);

  /// Fills rows, tokens, loss and all means; then starts anew.
  UpdateStats take(double step_scale);

  std::int64_t rows() const { return rows_; }

 private:
  std::int64_t rows_ = 0;
  std::int64_t response_tokens_ = 0;  // of all rows
  std::int64_t scored_ = 0;           // tokens that add_token saw
  std::int64_t clipped_ = 0;
  std::int64_t dual_clipped_ = 0;
  double loss_ = 0.0;
  double entropy_ = 0.0;
  double kl_ = 0.0;
  std::vector<double> mismatch_;  // |sampler's log-prob - trainer's|
};

}  // namespace polaris
