#include "train/run_config.h"

#include "base/error.h"

namespace polaris {

void TrainConfig::fields(FieldList& list) {
  const Range count = at_least(0, "it counts steps");
  list("steps", steps, "updates of the whole run; 0 = one epoch; epochs repeat if it asks for more",
       {.range = count, .changeable = steps_changeable});
  list("checkpoint_every", checkpoint_every, "steps; the last step is always saved; 0 = only it",
       changeable(count));
  list("keep_checkpoints", keep_checkpoints, "newest complete checkpoints that stay",
       changeable(at_least(1, "a run without a checkpoint could not be continued")));
  list("keep_weights_every", keep_weights_every, "also keep weights every n steps; 0 = never",
       changeable(count));
  list("validate_every", validate_every, "steps, and at the last; 0 = never", changeable(count));
  list("validate_first", validate_first, "also before the first step");
  list("record_batches", record_batches, "write batches.jsonl, replayable with `polaris update`",
       changeable());
}

void GuardsConfig::fields(FieldList& list) {
  const bool off = patience == 0;
  const auto limit = [&](const char* why) {
    KeyRules rules = unused_if(off, "guards.patience = 0", at_least(0, why));
    rules.changeable = true;  // a run that a guard has stopped can be let go on
    return rules;
  };
  list("patience", patience, "steps in a row with the same alarm that stop the run; 0 = never",
       changeable(at_least(0, "it counts steps")));
  list("logprob_gap", logprob_gap, "mean |sampler's plain log-prob - trainer's|, nats; 0 = off",
       limit("it is a distance"));
  list("zero_spread_groups", zero_spread_groups, "share of groups with equal rewards; 0 = off",
       limit("it is a share"));
  list("truncated", truncated, "share of rollouts cut at the limit; 0 = off",
       limit("it is a share"));
  list("unclosed_thinking", unclosed_thinking, "share of rollouts that never close their thinking",
       limit("it is a share"));
  list("length_ratio", length_ratio, "words written to words wanted, alarm below; 0 = off",
       limit("it is a ratio"));
  list("self_repetition", self_repetition, "mean repetition penalty; 0 = off",
       limit("it is a penalty"));
}

void SftConfig::fields(FieldList& list) {
  list("data", data, "JSONL of stories");
  list("holdout", holdout, "share of the records that only measures the loss",
       {.range = between(0, 0.9, "something must be left to train on")});
  list("epochs", epochs, "passes over the data", {.range = at_least(1, "it counts passes")});
  list("batch_tokens", batch_tokens, "tokens per update", {.range = at_least(1, "it counts")});
  list("max_tokens", max_tokens, "longer records are cut at a paragraph end and counted",
       {.range = at_least(2, "a record needs a token to predict")});
  list("lr", lr, "learning rate of supervised training",
       {.range = above(0, "at 0 nothing is trained")});
}

void CostConfig::fields(FieldList& list) {
  list("machine_usd_per_hour", machine_usd_per_hour, "price of this machine, for the cost column",
       changeable(at_least(0, "a price is not negative")));
}

void RunConfig::fields(FieldList& list) {
  train.steps_changeable = optimizer.schedule == Schedule::kConstant;
  const bool never_validates = train.validate_every == 0 && !train.validate_first;
  const auto validation_rules =
      unused_if(never_validates, "train.validate_every = 0 and train.validate_first = false");
  list("seed", seed, "of every random stream", {.range = at_least(0, "seeds are not negative")});
  list("model", model, "");
  list("data", data, "");
  list("train", train, "");
  list("rollout", rollout, "");
  list("hri", hri, "");
  list("advantage", advantage, "");
  list("loss", loss, "");
  list("optimizer", optimizer, "");
  list("learner", learner, "");
  list("reward", reward, "");
  list("judge", judge, "");
  list("validation", validation, "", validation_rules);
  list("eval", eval, "");
  list("guards", guards, "");
  list("sft", sft, "");
  list("distributed", distributed, "");
  list("device", device, "");
  list("cost", cost, "");
}

void RunConfig::validate() const {
  const auto refuse = [](const char* message) { throw Error(ErrorCode::kInvalidConfig, message); };
  if (learner.accumulate == AccumulateWhen::kAsScored && loss.normaliser == Normaliser::kPairMean)
    refuse(
        "loss.normaliser = pair_mean weighs every row by its partner from the whole batch, so "
        "learner.accumulate must be when_complete");
  if (hri.enabled && rollout.group_size < 3 &&
      reward.story_quality_rule.on_failure == OnJudgeFailure::kDrop)
    refuse(
        "rollout.group_size = 2 leaves one policy rollout beside the reference, and a lone "
        "one says nothing; set it to 3 or more, or hri.enabled = false");
}

}  // namespace polaris
