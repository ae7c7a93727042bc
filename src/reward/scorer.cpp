#include "reward/scorer.h"

#include <condition_variable>
#include <mutex>

#include "base/error.h"
#include "base/strings.h"
#include "reward/composite.h"

namespace polaris {

struct Scorer::Pending {
  std::mutex mutex;
  std::condition_variable arrived;
  std::optional<JudgeReply> reply;

  void put(JudgeReply answer) {
    const std::lock_guard lock(mutex);
    reply = std::move(answer);
    arrived.notify_all();
  }
  JudgeReply wait() {
    std::unique_lock lock(mutex);
    arrived.wait(lock, [this] { return reply.has_value(); });
    return *reply;
  }
};

Scorer::Scorer(Judge& judge, const RewardConfig& config, StoryOf story_of, RuleParts rule_parts)
    : judge_(judge),
      config_(config),
      story_of_(std::move(story_of)),
      rule_parts_(std::move(rule_parts)) {}

void Scorer::start(const Prompt& prompt, std::size_t prompt_index, std::size_t sample,
                   const Rollout& rollout) {
  const auto [place, is_new] = asked_.try_emplace({prompt_index, sample});
  if (!is_new) return;
  Asked& asked = place->second;
  asked.story = story_of_(rollout);
  if (trim(asked.story).empty()) return;
  asked.pending = std::make_shared<Pending>();
  const bool is_policy = rollout.origin == Origin::kPolicy;
  judge_.submit(
      {.uid = fmt::format("{}/{}", prompt.id, is_policy ? std::to_string(sample) : "reference"),
       .prompt = prompt.text,
       .story = asked.story,
       .target_words = prompt.target_words,
       .origin = is_policy ? StoryOrigin::kPolicy : StoryOrigin::kReference},
      [pending = asked.pending](JudgeReply reply) { pending->put(std::move(reply)); });
}

Score Scorer::finish(const Prompt& prompt, const Rollout& rollout, const Asked& asked) {
  Score score{.parts = rule_parts_(prompt, rollout, asked.story)};
  if (asked.pending == nullptr) {
    score.parts.story_quality = 0.0;
  } else {
    const JudgeReply reply = asked.pending->wait();
    ++stats_.calls;
    stats_.cached += reply.cached ? 1 : 0;
    stats_.retries += reply.attempts - 1;
    stats_.cost_usd += reply.cost_usd;
    if (!reply.cached) stats_.latencies_s.push_back(reply.latency_s);
    if (reply.verdict) {
      const auto& rule = config_.story_quality_rule;
      score.parts.story_quality = story_quality(*reply.verdict, rule).value(rule);
    } else {
      POLARIS_CHECK(reply.failure.has_value(), "a reply without verdict and without failure");
      score.failure = failure_name(*reply.failure);
      ++stats_.failed;
    }
  }
  score.reward = composite_reward(score.parts, config_);
  if (!score.reward && score.failure.empty()) score.failure = "a part was not computed";
  return score;
}

std::vector<ScoredGroup> Scorer::score(std::vector<RolloutGroup> groups) {
  for (std::size_t g = 0; g < groups.size(); ++g) {
    for (std::size_t i = 0; i < groups[g].rollouts.size(); ++i)
      start(groups[g].prompt, g, i, groups[g].rollouts[i]);
  }
  std::vector<ScoredGroup> scored;
  scored.reserve(groups.size());
  for (std::size_t g = 0; g < groups.size(); ++g) {
    std::vector<Score> scores;
    for (std::size_t i = 0; i < groups[g].rollouts.size(); ++i)
      scores.push_back(finish(groups[g].prompt, groups[g].rollouts[i], asked_.at({g, i})));
    scored.push_back({.group = std::move(groups[g]), .scores = std::move(scores)});
  }
  asked_.clear();
  return scored;
}

}  // namespace polaris
