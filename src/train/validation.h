#pragma once

#include "train/recipe.h"

namespace polaris {

/// Samples answers to the held-out prompts with the validation sampling, scores them with the same
/// reward as training, and enters means under "val-core/..." and "val-aux/...". A row without a
/// reward is counted, not replaced. Source: specs/recipe.md 10.
void validate(const RunConfig& config, Stages& stages, StepLog& log);

}  // namespace polaris
