#include "train/validation.h"

#include "eval/statistics.h"

namespace polaris {

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

  std::vector<double> reward, story_quality, self_repetition, length, tokens, failed;
  const auto put = [](std::vector<double>& into, const std::optional<double>& value) {
    if (value) into.push_back(*value);
  };
  for (const ScoredGroup& group : scored) {
    for (std::size_t i = 0; i < group.scores.size(); ++i) {
      const Score& score = group.scores[i];
      put(reward, score.reward);
      put(story_quality, score.parts.story_quality);
      put(self_repetition, score.parts.self_repetition);
      put(length, score.parts.length);
      put(tokens, static_cast<double>(group.group.rollouts[i].tokens.size()));
      put(failed, score.reward ? 0.0 : 1.0);
    }
  }
  log.set("val-core/all/reward/mean@1", mean(reward));
  log.set("val-aux/all/story_quality/mean@1", mean(story_quality));
  log.set("val-aux/all/self_rep/mean@1", mean(self_repetition));
  log.set("val-aux/all/length_pen/mean@1", mean(length));
  log.set("val-aux/all/response_length/mean@1", mean(tokens));
  log.set("val-aux/all/failed_frac", mean(failed));
}

}  // namespace polaris
