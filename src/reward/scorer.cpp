#include "reward/scorer.h"

#include <condition_variable>
#include <mutex>

#include "base/error.h"
#include "base/strings.h"
#include "reward/composite.h"
#include "reward/story_quality.h"

namespace polaris {
namespace {

/// The points of a reply's verdict, where they were all given by the judge.
std::optional<RubricPoints> points_of(const JudgeReply& reply) {
  if (!reply.verdict || !reply.verdict->has_all_points) return std::nullopt;
  const Verdict& verdict = *reply.verdict;
  return RubricPoints{.positive = verdict.positive,
                      .negative = verdict.negative,
                      .bonus = verdict.bonus,
                      .penalty = verdict.penalty};
}

}  // namespace

struct Scorer::Pending {
  JudgeRequest request;
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

JudgeStats& JudgeStats::operator+=(const JudgeStats& more) {
  calls += more.calls;
  cached += more.cached;
  retries += more.retries;
  failed += more.failed;
  cost_usd += more.cost_usd;
  latencies_s.insert(latencies_s.end(), more.latencies_s.begin(), more.latencies_s.end());
  return *this;
}

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
  asked.pending->request = {
      .uid = fmt::format("{}/{}", prompt.id, is_policy ? std::to_string(sample) : "reference"),
      .prompt = prompt.text,
      .story = asked.story,
      .target_words = prompt.target_words,
      .origin = is_policy ? StoryOrigin::kPolicy : StoryOrigin::kReference};
  judge_.submit(asked.pending->request,
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
    if (reply.stop) throw *reply.stop;
    score.parts.story_quality =
        story_quality(reply, asked.pending->request, config_.story_quality_rule);
    score.points = points_of(reply);
    if (reply.failure) {
      score.failure = failure_name(*reply.failure);
      ++stats_.failed;
    }
  }
  score.reward = composite_reward(score.parts, config_);
  if (!score.reward && score.failure.empty()) score.failure = "a part was not computed";
  return score;
}

std::vector<ScoredGroup> Scorer::score(std::vector<RolloutGroup> groups,
                                       const OnScored& on_scored) {
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
    on_scored(scored.back(), g);
  }
  asked_.clear();
  return scored;
}

}  // namespace polaris
