#include "rl/batch.h"

#include <algorithm>

#include "base/error.h"

namespace polaris {
namespace {

/// The rollouts of a group that have a reward, with what the statistics need.
struct Scored {
  std::vector<std::size_t> index;
  std::vector<double> rewards;
  std::vector<Origin> origins;
};

Scored scored_rollouts(const ScoredGroup& group) {
  Scored scored;
  for (std::size_t i = 0; i < group.scores.size(); ++i) {
    if (!group.scores[i].reward || group.group.rollouts[i].tokens.empty()) continue;
    scored.index.push_back(i);
    scored.rewards.push_back(*group.scores[i].reward);
    scored.origins.push_back(group.group.rollouts[i].origin);
  }
  return scored;
}

Row make_row(const RolloutGroup& group, std::size_t index, const Rollout& rollout,
             double advantage) {
  return {.origin = rollout.origin,
          .group = index,
          .prompt_tokens = group.prompt.tokens,
          .response_tokens = rollout.tokens,
          .advantage = advantage,
          .sampler_logprobs = rollout.logprobs};
}

}  // namespace

BuiltBatch build_batch(std::span<const ScoredGroup> groups, const BatchRules& rules) {
  BuiltBatch built;
  for (const ScoredGroup& group : groups) {
    const auto& rollouts = group.group.rollouts;
    POLARIS_CHECK(group.scores.size() == rollouts.size());
    GroupOutcome& outcome = built.groups.emplace_back();
    outcome.advantages.resize(rollouts.size());

    const Scored scored = scored_rollouts(group);
    const auto policy_count = std::ranges::count(scored.origins, Origin::kPolicy);
    outcome.dropped = static_cast<std::size_t>(policy_count) < rules.min_policy_rollouts;
    if (outcome.dropped) continue;

    const auto advantages = group_advantages(scored.rewards, scored.origins, rules.advantage);
    outcome.zero_spread = advantages.zero_spread;
    for (std::size_t k = 0; k < scored.index.size(); ++k) {
      if (!advantages.values[k]) continue;
      double advantage = *advantages.values[k];
      if (scored.origins[k] == Origin::kReference) {
        outcome.reference_advantage_unweighted = advantage;
        advantage *= rules.hri_weight;
      }
      const std::size_t i = scored.index[k];
      outcome.advantages[i] = advantage;
      built.batch.rows.push_back(
          make_row(group.group, built.groups.size() - 1, rollouts[i], advantage));
    }
  }
  normalise(built.batch, rules.normaliser);
  return built;
}

}  // namespace polaris
