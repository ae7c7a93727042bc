#pragma once

#include <vector>

#include "eval/evaluated_story.h"
#include "train/recipe.h"

namespace polaris {

/// Samples answers to the held-out prompts with the validation sampling, scores them with the same
/// reward as training, and enters means under "val-core/..." and "val-aux/...", also by requested
/// length. A row without a reward is counted, not replaced. Source: specs/recipe.md 10.
/// @return the stories; none if there are no validation prompts
std::vector<EvaluatedStory> validate(const RunConfig& config, Stages& stages, StepLog& log);

/// How the run reads what a validation wrote.
ResponseReading validation_reading(const RunConfig& config, bool prompts_open_thinking);

}  // namespace polaris
