#pragma once

#include <span>

#include "eval/evaluated_story.h"
#include "reward/scorer.h"
#include "rl/batch.h"
#include "rl/types.h"
#include "train/journal.h"
#include "train/run_config.h"

namespace polaris {

/// Enters what a step's rollouts and rewards say under the published names (specs/recipe.md 12).
/// Means over nothing are left out. hri/... rewards are the scalar itself.
void log_rollouts(StepLog& log, std::span<const ScoredGroup> groups,
                  std::span<const GroupOutcome> outcomes, const ResponseReading& reading);

void log_update(StepLog& log, const UpdateStats& update);

void log_judge(StepLog& log, const JudgeStats& judge);

/// Time, tokens per second, memory and money of a step whose time has been taken.
void log_resources(StepLog& log, const CostConfig& cost);

}  // namespace polaris
