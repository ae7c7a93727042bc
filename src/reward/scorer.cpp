#include "reward/scorer.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>

#include "base/error.h"
#include "base/strings.h"
#include "reward/composite.h"
#include "reward/story_quality.h"
#include "rl/score_json.h"

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

Json JudgeStats::to_json() const {
  return {{"calls", calls},   {"cached", cached},     {"retries", retries},
          {"failed", failed}, {"cost_usd", cost_usd}, {"latencies_s", latencies_s}};
}

JudgeStats JudgeStats::from_json(const Json& json) {
  return {.calls = json.at("calls").get<std::int64_t>(),
          .cached = json.at("cached").get<std::int64_t>(),
          .retries = json.at("retries").get<std::int64_t>(),
          .failed = json.at("failed").get<std::int64_t>(),
          .cost_usd = json.at("cost_usd").get<double>(),
          .latencies_s = json.at("latencies_s").get<std::vector<double>>()};
}

Scorer::Scorer(Judge& judge, const RewardConfig& config, StoryOf story_of, RuleParts rule_parts,
               Ranks* ranks)
    : judge_(judge),
      config_(config),
      story_of_(std::move(story_of)),
      rule_parts_(std::move(rule_parts)),
      ranks_(ranks) {}

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

/// Every rank scores a share of the policy's rollouts, those whose writing it was given
/// (RankedEngine deals in the same order), and the reference of a group goes with the rollout
/// before it.
Scorer::Scores Scorer::score_together(const std::vector<RolloutGroup>& groups) {
  std::size_t written = 0;
  for (const RolloutGroup& group : groups)
    written += std::ranges::count(group.rollouts, Origin::kPolicy, &Rollout::origin);
  const Share share = share_of(*ranks_, std::max<std::size_t>(written, 1));
  std::vector<Key> own;
  std::size_t index = 0;  // of the next rollout of the policy
  for (std::size_t g = 0; g < groups.size(); ++g) {
    for (std::size_t i = 0; i < groups[g].rollouts.size(); ++i) {
      if (groups[g].rollouts[i].origin == Origin::kPolicy) ++index;
      if (share.holds(std::max<std::size_t>(index, 1) - 1)) own.emplace_back(g, i);
    }
  }

  JudgeStats stats = take_stats();  // score_own() counts from 0
  const auto score_own = [&] {
    const auto rollout = [&](const Key& key) -> const Rollout& {
      return groups[key.first].rollouts[key.second];
    };
    for (const Key& key : own) start(groups[key.first].prompt, key.first, key.second, rollout(key));
    Json scores = Json::array();
    for (const Key& key : own) {
      Json score = {{"group", key.first}, {"rollout", key.second}};
      put_score(score, finish(groups[key.first].prompt, rollout(key), asked_.at(key)));
      scores.push_back(std::move(score));
    }
    return dump_json({{"scores", std::move(scores)}, {"stats", take_stats().to_json()}});
  };
  Scores scores;
  for (const RolloutGroup& group : groups) scores.emplace_back(group.rollouts.size());
  for (const std::string& part : jointly(*ranks_, score_own)) {
    const Json json = Json::parse(part);
    for (const Json& score : json.at("scores"))
      scores[score.at("group").get<std::size_t>()][score.at("rollout").get<std::size_t>()] =
          score_from_json(score);
    stats += JudgeStats::from_json(json.at("stats"));
  }
  stats_ = std::move(stats);
  return scores;
}

std::vector<ScoredGroup> Scorer::score(std::vector<RolloutGroup> groups,
                                       const OnScored& on_scored) {
  const bool together = ranks_ != nullptr && ranks_->size() > 1;
  Scores all;
  if (together) {
    all = score_together(groups);
  } else {
    for (std::size_t g = 0; g < groups.size(); ++g) {
      for (std::size_t i = 0; i < groups[g].rollouts.size(); ++i)
        start(groups[g].prompt, g, i, groups[g].rollouts[i]);
    }
  }
  std::vector<ScoredGroup> scored;
  scored.reserve(groups.size());
  for (std::size_t g = 0; g < groups.size(); ++g) {
    std::vector<Score> scores;
    if (together) scores = std::move(all[g]);
    for (std::size_t i = scores.size(); i < groups[g].rollouts.size(); ++i)
      scores.push_back(finish(groups[g].prompt, groups[g].rollouts[i], asked_.at({g, i})));
    scored.push_back({.group = std::move(groups[g]), .scores = std::move(scores)});
    on_scored(scored.back(), g);
  }
  asked_.clear();
  return scored;
}

}  // namespace polaris
