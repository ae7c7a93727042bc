#include "nn/fake_learner.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <numeric>

#include "base/error.h"
#include "base/json.h"
#include "rl/surrogate.h"

namespace polaris {

void FakeLearner::accumulate(std::span<const Row> rows) {
  const ToyDistribution words(policy_);
  for (const Row& row : rows) {
    for (std::size_t t = 0; t < row.response_tokens.size(); ++t) {
      const TokenId token = row.response_tokens[t];
      const double logprob = words.logprob(token);
      const double old = row.old_logprobs.empty() ? logprob : row.old_logprobs[t];
      const TokenLoss loss = surrogate(logprob, old, row.advantage, loss_);
      gradient_ += row.coefficient * loss.gradient * words.gradient(token);
      loss_sum_ += row.coefficient * loss.loss;
      entropy_sum_ -= logprob;
      kl_sum_ += old - logprob;
      clipped_ += loss.clipped ? 1 : 0;
      dual_clipped_ += loss.dual_clipped ? 1 : 0;
      if (!row.sampler_logprobs.empty())
        mismatch_.push_back(std::abs(row.sampler_logprobs[t] - logprob));
    }
    ++rows_;
    tokens_ += static_cast<std::int64_t>(row.response_tokens.size());
  }
}

UpdateStats FakeLearner::apply(double step_scale) {
  UpdateStats stats{.rows = rows_,
                    .response_tokens = tokens_,
                    .loss = step_scale * loss_sum_,
                    .grad_norm = std::abs(step_scale * gradient_),
                    .learning_rate = learning_rate_};
  if (tokens_ > 0) {
    const auto tokens = static_cast<double>(tokens_);
    stats.entropy = entropy_sum_ / tokens;
    stats.approx_kl = kl_sum_ / tokens;
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
  if (!std::isfinite(stats.grad_norm)) {
    stats.skipped = true;
    stats.nonfinite_tensors = {"skill"};
  } else if (rows_ == 0) {
    stats.skipped = true;
  } else {
    momentum_ = 0.9 * momentum_ + step_scale * gradient_;
    policy_.skill = std::clamp(policy_.skill - learning_rate_ * momentum_, 0.0, 99.0);
  }
  ++version_;
  gradient_ = loss_sum_ = entropy_sum_ = kl_sum_ = 0.0;
  rows_ = tokens_ = clipped_ = dual_clipped_ = 0;
  mismatch_.clear();
  return stats;
}

void FakeLearner::save(const std::filesystem::path& folder) const {
  std::ofstream file(folder / "toy_learner.json", std::ios::binary);
  file << dump_json({{"skill", policy_.skill}, {"momentum", momentum_}, {"version", version_}});
  if (!file.flush())
    throw Error(ErrorCode::kIo,
                fmt::format("cannot write {}", (folder / "toy_learner.json").string()));
}

void FakeLearner::load(const std::filesystem::path& folder) {
  const Json state = read_json_file(folder / "toy_learner.json");
  policy_.skill = state.at("skill").get<double>();
  momentum_ = state.at("momentum").get<double>();
  version_ = state.at("version").get<std::int64_t>();
}

}  // namespace polaris
