#include "train/recipe.h"

#include "base/error.h"
#include "base/ranks.h"
#include "rl/batch.h"
#include "rl/hri.h"
#include "train/guards.h"
#include "train/step_metrics.h"
#include "train/validation.h"

namespace polaris {
namespace {

/// A group of answers per prompt, each with its reward. While HRI is on, one answer of the group
/// is the human reference.
std::vector<ScoredGroup> make_groups(const RunConfig& config, Stages& stages, StepLog& log,
                                     std::span<const Prompt> prompts, bool inject_reference,
                                     const OnScored& on_scored) {
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
  return log.timed("reward", [&] { return stages.scorer.score(std::move(groups), on_scored); });
}

void make_step(const RunConfig& config, Stages& stages, StepLog& log, std::int64_t last) {
  RunDirectory& run = stages.run;
  const StoryQualityRule& quality = config.reward.story_quality_rule;
  const std::int64_t step = log.step();

  // 1. The prompts of this step.
  const std::vector<Prompt> prompts = stages.prompts.of(step);

  // 2. Groups of answers with their rewards, or what a killed run had already recorded.
  const double reference_weight = hri_weight(config.hri, step);
  const bool drops = quality.on_failure == OnJudgeFailure::kDrop;
  const BatchRules rules = {.advantage = config.advantage,
                            .normaliser = config.loss.normaliser,
                            .hri_weight = reference_weight,
                            .min_policy_rollouts = drops ? 2U : 1U};
  // Gradient work can begin with the first group that is scored: what the rest decides, the step's
  // scale, comes in when it is applied.
  const auto accumulate = [&](const ScoredGroup& group, std::size_t index) {
    std::vector<Row> rows = build_batch({&group, 1}, rules).batch.rows;
    for (Row& row : rows) row.group = index;
    log.timed("update_actor", [&] { stages.learner.accumulate(rows); });
  };
  auto recorded = run.take_rollouts(step, prompts);
  const bool is_early = config.learner.accumulate == AccumulateWhen::kAsScored && !recorded;
  const std::vector<ScoredGroup> groups =
      recorded ? std::move(*recorded)
               : make_groups(config, stages, log, prompts, reference_weight > 0.0,
                             is_early ? OnScored(accumulate) : OnScored([](auto&, auto) {}));
  if (const auto reason = too_many_failed(groups, quality.max_failed_fraction))
    throw JointError(
        {ErrorCode::kGuard,
         fmt::format("step {}: {}; the same command goes on with this step", step, *reason)});

  // 3. Advantages within each group; the reference is measured against the policy's answers.
  const BuiltBatch built = build_batch(groups, rules);
  if (!recorded) run.write_rollouts(step, groups, built.groups);
  run.record_batch(built.batch);

  // 4. One clipped policy-gradient update.
  const UpdateStats update = log.timed("update_actor", [&] {
    return is_early ? stages.learner.apply(built.batch.step_scale)
                    : stages.learner.update(built.batch);
  });

  log.set("training/global_step", static_cast<double>(step));
  log.set("training/epoch", static_cast<double>(stages.prompts.order().epoch_of(step)));
  log.set("hri/weight", reference_weight);
  log_rollouts(log, groups, built.groups, stages.reading);
  log_update(log, update);

  // 5. How the new policy does on held-out prompts.
  const std::int64_t every = config.train.validate_every;
  if (every > 0 && is_due(step, every, last))
    log.timed("testing", [&] { validate(config, stages, log); });
}

/// Runs `work` as the step of `log`, and writes the journal's line.
template <class Work>
void journaled(const RunConfig& config, Stages& stages, StepLog& log, std::int64_t last,
               Work&& work) {
  log.timed("step", work);
  JudgeStats judged = stages.scorer.take_stats();
  judged += stages.validation_scorer.take_stats();
  log_judge(log, judged);
  log_resources(log, config.cost);
  stages.run.write_metrics(log, last);
}

}  // namespace

std::int64_t total_steps(const RunConfig& config, const PromptSource& prompts) {
  return config.train.steps > 0 ? config.train.steps : prompts.order().steps_per_epoch();
}

void run_recipe(const RunConfig& config, Stages stages) {
  RunDirectory& run = stages.run;
  const std::int64_t last = total_steps(config, stages.prompts);
  const std::int64_t done = run.resume(stages.learner);
  Guards guards(config.guards, run.history());
  Ranks& ranks = run.ranks();
  if (done == 0 && config.train.validate_first) {
    StepLog log(0, stages.clock);
    journaled(config, stages, log, last, [&] { validate(config, stages, log); });
  }

  for (std::int64_t step = done + 1; step <= last; ++step) {
    StepLog log(step, stages.clock);
    try {
      jointly(ranks, [&]() -> std::string {
        if (!stages.interrupted()) return "";
        throw Error(ErrorCode::kInterrupted, fmt::format("stopped after step {}", step - 1));
      });
      journaled(config, stages, log, last, [&] { make_step(config, stages, log, last); });
    } catch (const Error& error) {
      // Where the policy has not changed yet, the steps before are kept, if all are here to help.
      const bool joint = ranks.size() == 1 || dynamic_cast<const JointError*>(&error) != nullptr;
      if (joint && stages.learner.policy_version() == step - 1)
        run.save_checkpoint(step - 1, stages.learner);
      throw;
    }
    run.finish_step(step, last, log.get(kValidationReward), stages.learner);
    if (const auto alarm = ranks.from_first(guards.watch(log).value_or("")); !alarm.empty()) {
      run.save_checkpoint(step, stages.learner);
      throw Error(ErrorCode::kGuard, fmt::format("stopped after step {}: {}", step, alarm));
    }
  }
}

}  // namespace polaris
