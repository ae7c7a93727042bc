#pragma once

#include <functional>
#include <optional>
#include <span>

#include "base/clock.h"
#include "data/prompt_source.h"
#include "eval/evaluated_story.h"
#include "nn/learner.h"
#include "reward/scorer.h"
#include "rollout/rollout_engine.h"
#include "train/run_config.h"
#include "train/run_directory.h"

namespace polaris {

/// The parts of a run. Borrowed: the command builds and owns them; tests pass fakes.
struct Stages {
  const PromptSource& prompts;
  std::span<const Prompt> validation_prompts;
  /// The human reference of a prompt as the policy would have had to write it; nothing if it has
  /// none or it is too long.
  std::function<std::optional<Rollout>(const Prompt&)> encode_reference;
  RolloutEngine& engine;
  Scorer& scorer;
  Scorer& validation_scorer;  ///< may be the same: it differs in who judges and in the token limit
  ResponseReading reading;    ///< as the scorers'
  Learner& learner;
  RunDirectory& run;
  const Clock& clock;
  std::function<bool()> interrupted;  ///< asked between steps
};

/// Updates of the whole run: train.steps, or one epoch.
std::int64_t total_steps(const RunConfig& config, const PromptSource& prompts);

/// Trains to the last step, from the newest checkpoint of the run directory or from the start. A
/// finished run returns at once.
///
/// Of several ranks (those of the run directory) each has its own stages and runs this; engine,
/// scorers and learner share the work among them.
/// @throws Error{kInterrupted} after saving, when interrupted() says so; Error{kGuard} after
///         saving, when too many rows of a step have no reward or an alarm of [guards] stays
///         on; what the stages throw
/// Source: arXiv:2606.04095; specs/recipe.md 4.
void run_recipe(const RunConfig& config, Stages stages);

}  // namespace polaris
