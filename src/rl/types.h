#pragma once

/// The nouns of the training loop, in the order they appear:
///
///   Prompt -> RolloutGroup -> ScoredGroup -> Batch -> UpdateStats
///
/// All are plain host data: no tensors, no handles, no callbacks. So every stage can be tested
/// with literals, any stage can move to another process, and libtorch stays out of sight. Each
/// value is made by one stage and only read afterwards; what a stage adds is a new type that
/// contains the old one.

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/token_id.h"

namespace polaris {

/// A human-written answer to a prompt, used by human-reference injection (HRI).
struct Reference {
  std::string reasoning;  ///< the plan that a thinking model would have written first
  std::string story;
};

struct Prompt {
  std::string id;
  std::string text;             ///< as the judge and the length rule read it
  std::vector<TokenId> tokens;  ///< rendered with the chat template: what the policy continues
  std::optional<std::int64_t> target_words;
  std::optional<Reference> reference;
};

enum class Origin { kPolicy, kReference };
enum class StopReason { kEndOfText, kMaxTokens };

/// One answer to a prompt: sampled from the policy, or the reference, teacher-forced.
struct Rollout {
  Origin origin = Origin::kPolicy;
  std::vector<TokenId> tokens;  ///< [T] response only; ends with EOS if stop == kEndOfText
  /// [T] nats, log softmax(logits / temperature); empty for kReference
  std::vector<float> logprobs;
  /// [T] nats, of the distribution that was really drawn from (after all filters); as above
  std::vector<float> sampled_logprobs;
  std::string text;  ///< decoded, special tokens removed
  StopReason stop = StopReason::kEndOfText;
};

/// All rollouts of one prompt, made by one policy version. GRPO compares within a group only.
struct RolloutGroup {
  Prompt prompt;
  std::vector<Rollout> rollouts;
  std::int64_t policy_version = 0;  ///< updates that the sampling weights had seen
};

/// What a reward is made of, before weighting. A part that was not computed is absent.
struct RewardParts {
  std::optional<double> story_quality;    ///< the judge's verdict, [-1.59, 1.08]
  std::optional<double> self_repetition;  ///< [0, 1.5]
  std::optional<double> length;           ///< penalty, [0, 1]
  std::optional<double> blank;            ///< 0 or 1
  std::optional<double> overlong;         ///< near the response limit; added as it is, <= 0
  std::optional<double> thinking;         ///< of long thinking; added as it is, <= 0
};

/// What a judge gave for each dimension of its rubric (specs/recipe.md 6.2).
struct RubricPoints {
  std::array<std::int64_t, 6> positive{};   ///< P1 ... P6
  std::array<std::int64_t, 10> negative{};  ///< N1 ... N10
  std::int64_t bonus = 0;
  std::int64_t penalty = 0;
};

struct Score {
  std::optional<double> reward;  ///< absent if any part that it needs is
  RewardParts parts;
  std::string failure;                 ///< why the reward is absent: "timeout", "unparseable", ...
  std::optional<RubricPoints> points;  ///< absent if no judge gave all of them
};

struct ScoredGroup {
  RolloutGroup group;
  std::vector<Score> scores;  ///< scores[i] belongs to group.rollouts[i]
};

/// One row of an update. Its loss is coefficient * sum over response tokens of the surrogate
/// (rl/surrogate.h), times the step scale of its batch.
struct Row {
  Origin origin = Origin::kPolicy;
  /// Which group of the batch it is of. A forward pass never holds rows of two groups, so that the
  /// gradient is the same, bit for bit, whether groups come together or one after the other.
  std::size_t group = 0;
  std::vector<TokenId> prompt_tokens;
  std::vector<TokenId> response_tokens;
  double advantage = 0.0;    ///< final: the HRI weight is in it; the same for every token
  double coefficient = 1.0;  ///< this row's share in the normaliser
  /// [T] nats, of the policy that made the row; empty: it is the current one (ratio 1)
  std::vector<float> old_logprobs;
  /// [T] nats, the sampler's own view of the same tokens, for mismatch metrics and importance
  /// weights; empty for references
  std::vector<float> sampler_logprobs;
};

struct Batch {
  std::vector<Row> rows;
  double step_scale = 1.0;  ///< multiplies the gradient once, when the step is applied
};

/// What one optimizer update did. Means are over the response tokens that took part in the loss
/// (rows with advantage 0 do not), in nats where that applies, and absent where there was none.
struct UpdateStats {
  std::int64_t rows = 0;
  std::int64_t response_tokens = 0;
  double loss = 0.0;
  double grad_norm = 0.0;  ///< before clipping
  double learning_rate = 0.0;
  std::optional<double> entropy;
  std::optional<double> approx_kl;                  ///< old policy to current
  std::optional<double> clip_fraction;              ///< share of tokens whose ratio was clipped
  std::optional<double> clip_fraction_lower;        ///< ... by the dual clip
  std::optional<double> mismatch_logprob_abs_mean;  ///< |sampler's plain log-prob - trainer's|
  std::optional<double> mismatch_ratio_p99;         ///< 99th percentile of exp(|difference|)
  bool skipped = false;  ///< the gradient was not finite, so nothing changed
  std::vector<std::string> nonfinite_tensors;
};

}  // namespace polaris
