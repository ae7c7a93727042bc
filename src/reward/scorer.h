#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/ranks.h"
#include "judge/judge.h"
#include "reward/reward_config.h"
#include "rl/types.h"

namespace polaris {

/// What the judge cost and did since the last look, for metrics.
struct JudgeStats {
  std::int64_t calls = 0;
  std::int64_t cached = 0;
  std::int64_t retries = 0;
  std::int64_t failed = 0;
  double cost_usd = 0.0;
  std::vector<double> latencies_s;  ///< of the calls that were not cached

  JudgeStats& operator+=(const JudgeStats& more);

  Json to_json() const;
  static JudgeStats from_json(const Json& json);
};

/// What a response says to the judge and to the word rules.
using StoryOf = std::function<std::string(const Rollout& rollout)>;

/// The parts of a reward that need no judge: all but story_quality.
using RuleParts = std::function<RewardParts(const Prompt& prompt, const Rollout& rollout,
                                            const std::string& story)>;

/// A group all of whose rollouts have their scores, and its place in the step.
using OnScored = std::function<void(const ScoredGroup& group, std::size_t index)>;

/// Gives every rollout its reward: the judge's rubric minus the rule-based penalties. Judges take
/// tens of seconds, so start() asks as soon as a story exists and score() collects.
///
/// An empty story is not judged: it has no merits and no faults (story_quality 0), and its blank
/// and length penalties say the rest. A story without a verdict has no reward.
class Scorer {
 public:
  /// `judge` is borrowed. A scorer may be destroyed while answers are still on their way.
  /// @param ranks  score together, each a share, and all get all scores and statistics; they
  ///               outlive the scorer. Null: one process
  Scorer(Judge& judge, const RewardConfig& config, StoryOf story_of, RuleParts rule_parts,
         Ranks* ranks = nullptr);

  /// Starts judging one rollout of the present step; optional, and never asks twice.
  void start(const Prompt& prompt, std::size_t prompt_index, std::size_t sample,
             const Rollout& rollout);

  /// Scores every rollout of the step, waiting for what was started and asking for what was not.
  /// @param on_scored  called with each group, in order, while later ones may still be judged; with
  ///                   several ranks when all are
  /// @throws Error{kBudget} and others with which a judge stops the run (JudgeReply::stop); with
  ///         several ranks as a JointError
  std::vector<ScoredGroup> score(
      std::vector<RolloutGroup> groups,
      const OnScored& on_scored = [](const ScoredGroup&, std::size_t) {});

  /// What the judge did since the last call.
  JudgeStats take_stats() { return std::exchange(stats_, {}); }

 private:
  using Key = std::pair<std::size_t, std::size_t>;  // prompt index, sample

  /// The answer to one question, once it is there; shared with the judge's thread.
  struct Pending;
  struct Asked {
    std::string story;
    std::shared_ptr<Pending> pending;  // null: not judged, the story is empty
  };

  using Scores = std::vector<std::vector<Score>>;  // by group and rollout

  Score finish(const Prompt& prompt, const Rollout& rollout, const Asked& asked);
  Scores score_together(const std::vector<RolloutGroup>& groups);

  Judge& judge_;
  RewardConfig config_;
  StoryOf story_of_;
  RuleParts rule_parts_;
  Ranks* ranks_;
  std::map<Key, Asked> asked_;
  JudgeStats stats_;
};

}  // namespace polaris
