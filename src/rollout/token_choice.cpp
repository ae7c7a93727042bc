#include "rollout/token_choice.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "nn/kernels/logit_kernels.h"

namespace polaris {
namespace {

/// Candidates to begin with where nothing says how many are needed.
constexpr std::size_t kFirstSelection = 64;

/// Sum of e^((z - max) / T) over a row.
kernels::LogitSum row_sum(std::span<const float> logits, double temperature) {
  return kernels::logit_kernels().sum(logits.data(), std::ssize(logits),
                                      static_cast<float>(1.0 / temperature));
}

}  // namespace

/// Makes top_ the `count` likeliest tokens: a heap of the best so far, its worst in front.
void TokenChoice::select(std::size_t count) {
  top_.clear();
  const auto candidate = [&](std::size_t i) {
    return Candidate{logits_[i], static_cast<TokenId>(i)};
  };
  for (std::size_t i = 0; i < count; ++i) top_.push_back(candidate(i));
  std::ranges::make_heap(top_, IsLikelier());
  const auto next_above = kernels::logit_kernels().next_above;
  const std::int64_t end = std::ssize(logits_);
  for (auto i = static_cast<std::int64_t>(count); i < end; ++i) {
    i = next_above(logits_.data(), i, end, top_.front().logit);  // an equal one has the higher id
    if (i == end) break;
    std::ranges::pop_heap(top_, IsLikelier());
    top_.back() = candidate(static_cast<std::size_t>(i));
    std::ranges::push_heap(top_, IsLikelier());
  }
  std::ranges::sort_heap(top_, IsLikelier());
}

/// Probability of the rank-th likeliest token, times what makes the likeliest one's 1.
double TokenChoice::weight(std::size_t rank) {
  while (rank >= top_.size()) select(std::min(limit_, 8 * top_.size()));
  return std::exp((static_cast<double>(top_[rank].logit) - top_.front().logit) / temperature_);
}

/// Of all tokens that survive top-k.
double TokenChoice::total_weight() {
  if (limit_ == logits_.size()) return row_sum(logits_, temperature_).sum;
  double sum = 0.0;
  for (std::size_t rank = 0; rank < limit_; ++rank) sum += weight(rank);
  return sum;
}

TokenChoice::Result TokenChoice::draw(std::span<const float> logits, const SamplingConfig& config,
                                      double uniform) {
  if (config.temperature == 0) {
    const auto best = std::ranges::max_element(logits) - logits.begin();
    return {.token = static_cast<TokenId>(best), .logprob = 0.0};
  }
  logits_ = logits;
  temperature_ = config.temperature;
  const auto k = static_cast<std::size_t>(config.top_k);
  limit_ = k > 0 ? std::min(k, logits.size()) : logits.size();
  select(k > 0 ? limit_ : std::min(limit_, kFirstSelection));

  double kept_weight = total_weight();
  std::size_t kept = limit_;
  if (config.top_p < 1 || config.min_p > 0) {
    const double enough = config.top_p < 1 ? config.top_p * kept_weight : kept_weight;
    double sum = 0.0;
    std::size_t count = 0;
    while (count < limit_ && (count == 0 || (sum < enough && weight(count) >= config.min_p)))
      sum += weight(count++);
    kept_weight = sum;
    kept = count;
  }
  // The sum of rounded weights may end below the target: then the last possible token is meant.
  const double target = uniform * kept_weight;
  double sum = weight(0);
  std::size_t rank = 0;
  while (sum <= target && rank + 1 < kept && weight(rank + 1) > 0) sum += weight(++rank);
  return {.token = top_[rank].id, .logprob = std::log(weight(rank) / kept_weight)};
}

Error damaged_logits() {
  return {
      ErrorCode::kInvalidData,
      "the model's logits are not finite numbers; its weights are damaged, or training diverged "
      "(lower optimizer.lr)"};
}

void PlainSoftmax::set(std::span<const float> logits, double temperature) {
  logits_ = logits;
  const kernels::LogitSum row = row_sum(logits, temperature);
  if (!std::isfinite(row.sum) || !std::isfinite(row.max)) throw damaged_logits();
  inverse_temperature_ = 1.0 / temperature;
  max_ = row.max;
  log_sum_ = std::log(row.sum);
}

double PlainSoftmax::logprob(TokenId token) const {
  return (static_cast<double>(logits_[token]) - max_) * inverse_temperature_ - log_sum_;
}

}  // namespace polaris
