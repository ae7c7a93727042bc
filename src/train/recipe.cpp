#include "train/recipe.h"

#include "base/error.h"
#include "rl/batch.h"
#include "rl/hri.h"
#include "train/step_metrics.h"
#include "train/validation.h"

namespace polaris {
namespace {

/// A group of answers per prompt, each with its reward. While HRI is on, one answer of the group
/// is the human reference.
std::vector<ScoredGroup> make_groups(const RunConfig& config, Stages& stages, StepLog& log,
                                     std::span<const Prompt> prompts, bool inject_reference) {
  RolloutRequest request{.prompts = prompts,
                         .rollouts_per_prompt = static_cast<std::size_t>(
                             config.rollout.group_size - (inject_reference ? 1 : 0)),
                         .step = log.step(),
                         .sampling = config.rollout.sampling};
  request.sampling.max_new_tokens = config.data.max_response_tokens;

  stages.engine.use_policy(stages.learner.policy_version());
  std::vector<RolloutGroup> groups = log.timed("gen", [&] {
    return stages.engine.generate(request,
                                  [&](std::size_t prompt, std::size_t sample, const Rollout& done) {
                                    stages.scorer.start(prompts[prompt], prompt, sample, done);
                                  });
  });
  if (inject_reference) {
    for (RolloutGroup& group : groups) {
      if (auto reference = stages.encode_reference(group.prompt))
        group.rollouts.push_back(std::move(*reference));
    }
  }
  return log.timed("reward", [&] { return stages.scorer.score(std::move(groups)); });
}

void stop_if_too_many_failed(const RunConfig& config, Stages& stages, std::int64_t step,
                             std::span<const ScoredGroup> groups) {
  std::size_t rows = 0;
  std::size_t failed = 0;
  std::string reason;
  for (const ScoredGroup& group : groups) {
    for (const Score& score : group.scores) {
      ++rows;
      if (score.reward) continue;
      ++failed;
      reason = score.failure;
    }
  }
  const double limit = config.reward.story_quality_rule.max_failed_fraction;
  if (static_cast<double>(failed) <= limit * static_cast<double>(rows)) return;
  stages.run.save_checkpoint(step - 1, stages.learner);
  throw Error(ErrorCode::kGuard,
              fmt::format("step {}: {} of {} rows have no reward (the last one: {}), more than "
                          "reward.story_quality_rule.max_failed_fraction = {} allows. Look at the "
                          "judge, then start the same command again: it goes on with this step",
                          step, failed, rows, reason, limit));
}

bool due(std::int64_t step, std::int64_t every, std::int64_t last) {
  return step == last || (every > 0 && step % every == 0);
}

}  // namespace

std::int64_t total_steps(const RunConfig& config, const PromptSource& prompts) {
  return config.train.steps > 0 ? config.train.steps : prompts.order().steps_per_epoch();
}

void run_recipe(const RunConfig& config, Stages stages) {
  const TrainConfig& train = config.train;
  RunDirectory& run = stages.run;
  const std::int64_t last = total_steps(config, stages.prompts);
  const std::int64_t done = run.resume(stages.learner);
  if (done == 0 && train.validate_first) {
    StepLog log(0, stages.clock);
    log.timed("step", [&] { validate(config, stages, log); });
    log_judge(log, stages.scorer.take_stats());
    run.journal().write(log, last);
  }

  for (std::int64_t step = done + 1; step <= last; ++step) {
    if (stages.interrupted()) {
      run.save_checkpoint(step - 1, stages.learner);
      throw Error(ErrorCode::kInterrupted, fmt::format("stopped after step {}", step - 1));
    }
    StepLog log(step, stages.clock);
    log.timed("step", [&] {
      // 1. The prompts of this step.
      const std::vector<Prompt> prompts = stages.prompts.of(step);

      // 2. Groups of answers with their rewards, or what a killed run had already recorded.
      const double reference_weight = hri_weight(config.hri, step);
      auto recorded = run.rollouts().take(step, prompts);
      const std::vector<ScoredGroup> groups =
          recorded ? std::move(*recorded)
                   : make_groups(config, stages, log, prompts, reference_weight > 0.0);
      stop_if_too_many_failed(config, stages, step, groups);

      // 3. Advantages within each group; the reference is measured against the policy's answers.
      const bool drops = config.reward.story_quality_rule.on_failure == OnJudgeFailure::kDrop;
      const BuiltBatch built = build_batch(groups, {.advantage = config.advantage,
                                                    .normaliser = config.loss.normaliser,
                                                    .hri_weight = reference_weight,
                                                    .min_policy_rollouts = drops ? 2U : 1U});
      if (!recorded) run.rollouts().write(step, groups, built.groups);

      // 4. One clipped policy-gradient update.
      const UpdateStats update =
          log.timed("update_actor", [&] { return stages.learner.update(built.batch); });

      log.set("training/global_step", static_cast<double>(step));
      log.set("training/epoch", static_cast<double>(stages.prompts.order().epoch_of(step)));
      log.set("hri/weight", reference_weight);
      log_rollouts(log, groups, built.groups);
      log_update(log, update);

      // 5. How the new policy does on held-out prompts.
      if (train.validate_every > 0 && due(step, train.validate_every, last))
        log.timed("testing", [&] { validate(config, stages, log); });
      log_judge(log, stages.scorer.take_stats());
    });
    run.journal().write(log, last);
    if (due(step, train.checkpoint_every, last)) run.save_checkpoint(step, stages.learner);
  }
}

}  // namespace polaris
