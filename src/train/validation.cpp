#include "train/validation.h"

namespace polaris {
namespace {

class Mean {
 public:
  void add(const std::optional<double>& value) {
    if (!value) return;
    sum_ += *value;
    ++count_;
  }
  std::optional<double> value() const {
    if (count_ == 0) return std::nullopt;
    return sum_ / static_cast<double>(count_);
  }

 private:
  double sum_ = 0.0;
  std::int64_t count_ = 0;
};

}  // namespace

void validate(const RunConfig& config, Stages& stages, StepLog& log) {
  if (stages.validation_prompts.empty()) return;
  RolloutRequest request{.prompts = stages.validation_prompts,
                         .rollouts_per_prompt = static_cast<std::size_t>(config.validation.samples),
                         .step = 0,  // the same random numbers every time: steps are comparable
                         .sampling = {.temperature = config.validation.temperature,
                                      .top_p = config.validation.top_p,
                                      .top_k = config.validation.top_k,
                                      .repetition_penalty = config.validation.repetition_penalty,
                                      .max_new_tokens = config.validation.max_new_tokens}};
  stages.engine.use_policy(stages.learner.policy_version());
  auto groups = stages.engine.generate(
      request, [&](std::size_t prompt, std::size_t sample, const Rollout& done) {
        stages.scorer.start(stages.validation_prompts[prompt], prompt, sample, done);
      });
  const auto scored = stages.scorer.score(std::move(groups));

  Mean reward, story_quality, self_repetition, length, tokens, failed;
  for (const ScoredGroup& group : scored) {
    for (std::size_t i = 0; i < group.scores.size(); ++i) {
      const Score& score = group.scores[i];
      reward.add(score.reward);
      story_quality.add(score.parts.story_quality);
      self_repetition.add(score.parts.self_repetition);
      length.add(score.parts.length);
      tokens.add(static_cast<double>(group.group.rollouts[i].tokens.size()));
      failed.add(score.reward ? 0.0 : 1.0);
    }
  }
  log.set("val-core/all/reward/mean@1", reward.value());
  log.set("val-aux/all/story_quality/mean@1", story_quality.value());
  log.set("val-aux/all/self_rep/mean@1", self_repetition.value());
  log.set("val-aux/all/length_pen/mean@1", length.value());
  log.set("val-aux/all/response_length/mean@1", tokens.value());
  log.set("val-aux/all/failed_frac", failed.value());
}

}  // namespace polaris
