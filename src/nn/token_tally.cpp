#include "nn/token_tally.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <span>
#include <string>

namespace polaris {

TokenLoss row_token_loss(const Row& row, std::size_t t, double logprob, const LossConfig& config,
                         Objective objective) {
  if (objective == Objective::kLikelihood)
    return {.loss = -row.advantage * logprob, .gradient = -row.advantage};
  const double old = row.old_logprobs.empty() ? logprob : row.old_logprobs[t];
  TokenLoss token = surrogate(logprob, old, row.advantage, config);
  if (config.importance_weights == ImportanceWeights::kTruncated && !row.sampler_logprobs.empty()) {
    const double weight =
        truncated_importance_weight(logprob, row.sampler_logprobs[t], config.importance_cap);
    token.loss *= weight;
    token.gradient *= weight;
  }
  return token;
}

void TokenTally::add_row(const Row& row) {
  ++rows_;
  response_tokens_ += static_cast<std::int64_t>(row.response_tokens.size());
}

void TokenTally::add_token(const Row& row, std::size_t t, double logprob, double entropy,
                           const TokenLoss& loss) {
  ++scored_;
  loss_ += row.coefficient * loss.loss;
  entropy_ += entropy;
  if (!row.old_logprobs.empty()) kl_ += row.old_logprobs[t] - logprob;
  clipped_ += loss.clipped ? 1 : 0;
  dual_clipped_ += loss.dual_clipped ? 1 : 0;
  if (!row.sampler_logprobs.empty())
    mismatch_.push_back(std::abs(row.sampler_logprobs[t] - logprob));
}

void TokenTally::add_other_ranks(Collective& collective) {
  if (collective.size() == 1) return;
  std::array<double, 6> sums = {static_cast<double>(scored_),
                                static_cast<double>(clipped_),
                                static_cast<double>(dual_clipped_),
                                loss_,
                                entropy_,
                                kl_};
  collective.all_reduce_sum(sums);
  scored_ = static_cast<std::int64_t>(sums[0]);
  clipped_ = static_cast<std::int64_t>(sums[1]);
  dual_clipped_ = static_cast<std::int64_t>(sums[2]);
  loss_ = sums[3];
  entropy_ = sums[4];
  kl_ = sums[5];
  const auto bytes = std::as_bytes(std::span(mismatch_));
  const auto parts =
      collective.all_gather({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  mismatch_.clear();
  for (const std::string& part : parts) {
    const std::size_t had = mismatch_.size();
    mismatch_.resize(had + part.size() / sizeof(double));
    std::copy_n(part.data(), part.size(), reinterpret_cast<char*>(mismatch_.data() + had));
  }
}

UpdateStats TokenTally::take(double step_scale) {
  UpdateStats stats{.rows = rows_, .response_tokens = response_tokens_, .loss = step_scale * loss_};
  if (scored_ > 0) {
    const auto tokens = static_cast<double>(scored_);
    stats.entropy = entropy_ / tokens;
    stats.approx_kl = kl_ / tokens;
    stats.clip_fraction = static_cast<double>(clipped_) / tokens;
    stats.clip_fraction_lower = static_cast<double>(dual_clipped_) / tokens;
  }
  if (!mismatch_.empty()) {
    std::ranges::sort(mismatch_);
    const auto count = static_cast<double>(mismatch_.size());
    stats.mismatch_logprob_abs_mean =
        std::accumulate(mismatch_.begin(), mismatch_.end(), 0.0) / count;
    stats.mismatch_ratio_p99 = std::exp(mismatch_[static_cast<std::size_t>(0.99 * (count - 1))]);
  }
  *this = TokenTally();
  return stats;
}

}  // namespace polaris
