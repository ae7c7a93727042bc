#include "rollout/penalties.h"

#include <algorithm>
#include <cmath>

namespace polaris {

Penalties::Penalties(const SamplingConfig& config, std::span<const TokenId> prompt,
                     std::span<const TokenId> breakers)
    : config_(config), breakers_(breakers) {
  for (const TokenId token : prompt) see(token);
}

void Penalties::see(TokenId token) {
  if (config_.dry_multiplier > 0) history_.push_back(token);
  const auto index = static_cast<std::size_t>(token);
  if (index >= is_seen_.size()) is_seen_.resize(index + 1);
  if (is_seen_[index]) return;
  is_seen_[index] = true;
  seen_.push_back(token);
}

void Penalties::add(TokenId token) {
  see(token);
  if (config_.presence_penalty != 0 || config_.frequency_penalty != 0) ++counts_[token];
}

void Penalties::apply(std::span<float> logits) const {
  if (config_.repetition_penalty != 1) apply_repetition(logits);
  apply_counts(logits);
  if (config_.dry_multiplier > 0) apply_dry(config_, history_, breakers_, logits);
}

void Penalties::apply_repetition(std::span<float> logits) const {
  const auto penalty = static_cast<float>(config_.repetition_penalty);
  for (const TokenId token : seen_) {
    if (static_cast<std::size_t>(token) >= logits.size()) continue;
    float& z = logits[token];
    z = z > 0 ? z / penalty : z * penalty;
  }
}

void Penalties::apply_counts(std::span<float> logits) const {
  for (const auto& [token, count] : counts_) {
    if (static_cast<std::size_t>(token) >= logits.size()) continue;
    const double cost =
        config_.presence_penalty + config_.frequency_penalty * static_cast<double>(count);
    logits[token] -= static_cast<float>(cost);
  }
}

namespace {

/// z[i] = length of the longest common prefix of `x` and of its part from i on, at most `limit`.
std::vector<std::int64_t> prefix_lengths(std::span<const TokenId> x, std::int64_t limit) {
  const auto n = static_cast<std::int64_t>(x.size());
  std::vector<std::int64_t> z(x.size(), 0);
  std::int64_t left = 0, right = 0;  // x[left, right) is a prefix of x, with the largest right
  for (std::int64_t i = 1; i < n; ++i) {
    std::int64_t length = i < right ? std::min(right - i, z[i - left]) : 0;
    while (length < limit && i + length < n && x[length] == x[i + length]) ++length;
    z[i] = length;
    if (i + length > right) {
      left = i;
      right = i + length;
    }
  }
  return z;
}

}  // namespace

void apply_dry(const SamplingConfig& config, std::span<const TokenId> history,
               std::span<const TokenId> breakers, std::span<float> logits) {
  const auto window = std::min(history.size(), static_cast<std::size_t>(config.dry_range));
  const std::vector<TokenId> backwards(history.rbegin(),
                                       history.rbegin() + static_cast<std::ptrdiff_t>(window));
  const auto is_breaker = [&](TokenId token) { return std::ranges::count(breakers, token) > 0; };
  const auto limit = std::ranges::find_if(backwards, is_breaker) - backwards.begin();
  const auto lengths = prefix_lengths(backwards, limit);

  std::unordered_map<TokenId, std::int64_t> longest;  // by the token that came behind
  for (std::size_t i = 1; i < backwards.size(); ++i) {
    if (lengths[i] < config.dry_allowed_length) continue;
    std::int64_t& length = longest[backwards[i - 1]];
    length = std::max(length, lengths[i]);
  }
  constexpr double kLargestExponent = 88.72;  // of e, in a float
  const double most = std::floor(kLargestExponent / std::log(config.dry_base));
  for (const auto& [token, length] : longest) {
    if (static_cast<std::size_t>(token) >= logits.size() || is_breaker(token)) continue;
    const auto beyond = static_cast<double>(length - config.dry_allowed_length);
    logits[token] -= static_cast<float>(config.dry_multiplier *
                                        std::pow(config.dry_base, std::min(beyond, most)));
  }
}

}  // namespace polaris
