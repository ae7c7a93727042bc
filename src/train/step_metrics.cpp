#include "train/step_metrics.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/available_memory.h"
#include "eval/length_ratio.h"
#include "eval/statistics.h"

namespace polaris {
namespace {

using Numbers = std::vector<double>;

template <class Holds>
std::optional<double> fraction(const Numbers& x, Holds holds) {
  if (x.empty()) return std::nullopt;
  return static_cast<double>(std::ranges::count_if(x, holds)) / static_cast<double>(x.size());
}

void log_mean_max_min(StepLog& log, const std::string& name, const Numbers& x) {
  log.set(name + "/mean", mean(x));
  log.set(name + "/max", maximum(x));
  log.set(name + "/min", minimum(x));
}

/// The numbers of the rows of one origin, or of all.
struct Rows {
  Numbers rewards, advantages, lengths;
  Numbers story_quality, self_rep, length_pen, blank_pen, overlong;

  void add(const Rollout& rollout, const Score& score, const std::optional<double>& advantage) {
    const auto put = [](Numbers& into, const std::optional<double>& value) {
      if (value) into.push_back(*value);
    };
    put(rewards, score.reward);
    put(advantages, advantage);
    lengths.push_back(static_cast<double>(rollout.tokens.size()));
    put(story_quality, score.parts.story_quality);
    put(self_rep, score.parts.self_repetition);
    put(length_pen, score.parts.length);
    put(blank_pen, score.parts.blank);
    put(overlong, score.parts.overlong);
  }
};

void log_components(StepLog& log, const std::string& name, const Rows& rows) {
  log.set(name + "/composite_mean", mean(rows.rewards));
  log.set(name + "/story_quality_mean", mean(rows.story_quality));
  log.set(name + "/self_rep_mean", mean(rows.self_rep));
  log.set(name + "/length_pen_mean", mean(rows.length_pen));
  log.set(name + "/blank_pen_mean", mean(rows.blank_pen));
  log.set(name + "/overlong_mean", mean(rows.overlong));
}

void log_split(StepLog& log, const std::string& name, const Rows& rows) {
  const auto spread = [&](const std::string& quantity, const Numbers& x) {
    log_mean_max_min(log, name + quantity, x);
    log.set(name + quantity + "/std", deviation(x));
  };
  spread("_reward", rows.rewards);
  spread("_score", rows.rewards);
  spread("_advantage", rows.advantages);
  spread("_return", rows.advantages);
  spread("_response_length", rows.lengths);
  log.set(name + "_positive_adv_frac", fraction(rows.advantages, [](double a) { return a > 0; }));
  log.set(name + "_count", static_cast<double>(rows.lengths.size()));
}

/// What a group's reference is against its policy rollouts.
struct ReferenceGaps {
  Numbers to_mean, to_best, to_worst, beats_all;

  void add(const Numbers& policy, const std::optional<double>& reference) {
    if (policy.empty() || !reference) return;
    to_mean.push_back(*reference - *mean(policy));
    to_best.push_back(*reference - *maximum(policy));
    to_worst.push_back(*reference - *minimum(policy));
    beats_all.push_back(to_best.back() > 0 ? 1.0 : 0.0);
  }
};

/// How the policy's stories keep to what was asked for.
void log_stories(StepLog& log, std::span<const EvaluatedStory> stories) {
  Numbers unclosed, length_ratios, words;
  for (const EvaluatedStory& story : stories) {
    unclosed.push_back(story.thinking_closed ? 0.0 : 1.0);
    words.push_back(static_cast<double>(story.words));
    if (!story.target_words) continue;
    if (const auto ratio = length_ratio(story.words, *story.target_words))
      length_ratios.push_back(*ratio);
  }
  log.set("reward/unclosed_think_frac", mean(unclosed));
  log.set("reward/length_ratio_mean", mean(length_ratios));
  log_mean_max_min(log, "story_words", words);
}

}  // namespace

void log_rollouts(StepLog& log, std::span<const ScoredGroup> groups,
                  std::span<const GroupOutcome> outcomes, const ResponseReading& reading) {
  Rows all, policy, reference;
  ReferenceGaps gaps;
  Numbers prompt_lengths, truncated, group_sizes, reward_sds, advantage_sds, zero_spread;
  double dropped = 0.0;
  double largest_reference_advantage = 0.0;
  for (std::size_t g = 0; g < groups.size(); ++g) {
    const auto& [group, scores] = groups[g];
    const GroupOutcome& outcome = outcomes[g];
    Rows of_group;
    std::optional<double> reference_reward;
    for (std::size_t i = 0; i < scores.size(); ++i) {
      const Rollout& rollout = group.rollouts[i];
      const bool is_policy = rollout.origin == Origin::kPolicy;
      all.add(rollout, scores[i], outcome.advantages[i]);
      (is_policy ? policy : reference).add(rollout, scores[i], outcome.advantages[i]);
      if (is_policy) {
        of_group.add(rollout, scores[i], outcome.advantages[i]);
        truncated.push_back(rollout.stop == StopReason::kMaxTokens ? 1.0 : 0.0);
      } else {
        reference_reward = scores[i].reward;
      }
      prompt_lengths.push_back(static_cast<double>(group.prompt.tokens.size()));
    }
    gaps.add(of_group.rewards, reference_reward);
    group_sizes.push_back(static_cast<double>(scores.size()));
    if (const auto sd = deviation(of_group.rewards)) reward_sds.push_back(*sd);
    if (const auto sd = deviation(of_group.advantages)) advantage_sds.push_back(*sd);
    if (!outcome.dropped) zero_spread.push_back(outcome.zero_spread ? 1.0 : 0.0);
    dropped += outcome.dropped ? 1.0 : 0.0;
    largest_reference_advantage =
        std::max(largest_reference_advantage, std::abs(outcome.reference_advantage_unweighted));
  }

  log_stories(log, evaluated_stories(groups, reading));
  log_mean_max_min(log, "critic/score", all.rewards);
  log_mean_max_min(log, "critic/rewards", all.rewards);
  log_mean_max_min(log, "critic/advantages", all.advantages);
  log_mean_max_min(log, "critic/returns", all.advantages);
  log_mean_max_min(log, "response_length", all.lengths);
  log_mean_max_min(log, "prompt_length", prompt_lengths);
  log.set("response_length/clip_ratio", mean(truncated));
  log.set("reward/truncated_frac", mean(truncated));
  log_components(log, "reward_comp", all);
  log_components(log, "reward_comp_policy", policy);
  log_components(log, "reward_comp_gt", reference);
  log.set("reward/seq_mean_policy", mean(policy.rewards));
  log.set("reward/seq_std_policy", deviation(policy.rewards));
  log_split(log, "hri_split/policy", policy);
  if (!reference.lengths.empty()) log_split(log, "hri_split/gt", reference);

  log.set("hri/gt_reward_mean", mean(reference.rewards));
  log.set("hri/gt_adv_mean", mean(reference.advantages));
  log.set("hri/policy_reward_mean", mean(policy.rewards));
  log.set("hri/policy_reward_std", deviation(policy.rewards));
  log.set("hri/policy_adv_mean", mean(policy.advantages));
  log.set("hri/policy_adv_std", deviation(policy.advantages));
  log.set("hri/policy_positive_adv_frac",
          fraction(policy.advantages, [](double a) { return a > 0; }));
  log.set("hri/gt_minus_policy_mean", mean(gaps.to_mean));
  log.set("hri/gt_minus_policy_best", mean(gaps.to_best));
  log.set("hri/gt_minus_policy_worst", mean(gaps.to_worst));
  log.set("hri/frac_groups_gt_beats_all_policy", mean(gaps.beats_all));
  log.set("hri/policy_reward_std_group_mean", mean(reward_sds));
  log.set("hri/policy_adv_std_group_mean", mean(advantage_sds));
  log.set("hri/group_count", static_cast<double>(groups.size()));
  log.set("hri/group_size_mean", mean(group_sizes));
  log.set("hri/adv_ref_max_abs", largest_reference_advantage);
  log.set("group/zero_sd_frac", mean(zero_spread));
  log.set("group/dropped", dropped);
}

void log_update(StepLog& log, const UpdateStats& update) {
  log.set("actor/lr", update.learning_rate);
  log.set("actor/pg_loss", update.loss);
  log.set("actor/grad_norm", update.grad_norm);
  log.set("actor/entropy", update.entropy);
  log.set("actor/ppo_kl", update.approx_kl);
  log.set("actor/pg_clipfrac", update.clip_fraction);
  log.set("actor/pg_clipfrac_lower", update.clip_fraction_lower);
  log.set("actor_debug/nonfinite_tensors", static_cast<double>(update.nonfinite_tensors.size()));
  log.set("mismatch/logprob_abs_mean", update.mismatch_logprob_abs_mean);
  log.set("mismatch/ratio_p99", update.mismatch_ratio_p99);
  log.set("perf/total_num_tokens", static_cast<double>(update.response_tokens));
  log.set("update/skipped", update.skipped ? 1.0 : 0.0);
  log.set("update/rows", static_cast<double>(update.rows));
}

void log_judge(StepLog& log, const JudgeStats& judge) {
  log.set("judge/calls", static_cast<double>(judge.calls));
  log.set("judge/cached", static_cast<double>(judge.cached));
  log.set("judge/retries", static_cast<double>(judge.retries));
  log.set("judge/failed", static_cast<double>(judge.failed));
  log.set("judge/cost_usd", judge.cost_usd);
  log.set("judge/latency_p50", quantile(judge.latencies_s, 0.50));
  log.set("judge/latency_p95", quantile(judge.latencies_s, 0.95));
}

void log_resources(StepLog& log, const CostConfig& cost) {
  const auto seconds = log.get("timing_s/step");
  if (!seconds) return;
  log.set("perf/time_per_step", *seconds);
  if (const auto tokens = log.get("perf/total_num_tokens"); tokens && *seconds > 0)
    log.set("perf/throughput", *tokens / *seconds);
  log.set("perf/max_memory_allocated_gb", peak_memory_bytes() / 1e9);
  const double machine_usd = cost.machine_usd_per_hour * *seconds / 3600;
  log.set("cost/usd", machine_usd + log.get("judge/cost_usd").value_or(0.0));
}

}  // namespace polaris
