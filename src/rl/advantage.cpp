#include "rl/advantage.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace polaris {
namespace {

constexpr double kZeroSpread = 1e-4;

struct MeanSd {
  double mean = 0.0;
  double sd = 1.0;
};

MeanSd statistics_of(const std::vector<double>& rewards) {
  if (rewards.size() == 1) return {};  // nothing to compare with
  double sum = 0.0;
  for (const double reward : rewards) sum += reward;
  const double mean = sum / static_cast<double>(rewards.size());
  double squares = 0.0;
  for (const double reward : rewards) squares += (reward - mean) * (reward - mean);
  return {.mean = mean, .sd = std::sqrt(squares / static_cast<double>(rewards.size() - 1))};
}

}  // namespace

void AdvantageConfig::fields(FieldList& list) {
  list("epsilon", epsilon, "added to the standard deviation",
       {.range = above(0, "it keeps a group of equal rewards from dividing by zero")});
  list("sd_floor", sd_floor, "smallest standard deviation a group is divided by; 0 = none",
       {.range = at_least(0, "a standard deviation is not negative")});
  list("reference_cap", reference_cap, "largest |advantage| of a reference; 0 = none",
       {.range = at_least(0, "it limits a magnitude")});
}

GroupAdvantages group_advantages(std::span<const double> rewards, std::span<const Origin> origins,
                                 const AdvantageConfig& config) {
  POLARIS_CHECK(rewards.size() == origins.size());
  std::vector<double> policy;
  for (std::size_t i = 0; i < rewards.size(); ++i) {
    POLARIS_CHECK(std::isfinite(rewards[i]), "reward {} is {}", i, rewards[i]);
    if (origins[i] == Origin::kPolicy) policy.push_back(rewards[i]);
  }
  if (policy.empty()) policy.assign(rewards.begin(), rewards.end());
  if (policy.empty()) return {};

  const auto [mean, sd] = statistics_of(policy);
  GroupAdvantages result{.mean = mean, .sd = sd, .zero_spread = sd < kZeroSpread};
  const bool reference_only = result.zero_spread && config.sd_floor > 0.0;
  const double divisor =
      reference_only ? config.sd_floor : std::max(sd, config.sd_floor) + config.epsilon;
  for (std::size_t i = 0; i < rewards.size(); ++i) {
    double advantage = (rewards[i] - mean) / divisor;
    if (origins[i] == Origin::kReference) {
      if (config.reference_cap > 0.0)
        advantage = std::clamp(advantage, -config.reference_cap, config.reference_cap);
    } else if (reference_only) {
      result.values.emplace_back();
      continue;
    }
    result.values.emplace_back(advantage);
  }
  return result;
}

}  // namespace polaris
