#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "base/clock.h"
#include "nn/learner.h"
#include "train/run_config.h"
#include "train/run_directory.h"
#include "train/supervised_stories.h"

namespace polaris {

/// The parts of a supervised run. Borrowed.
struct SftStages {
  const SupervisedStories& stories;
  Learner& learner;
  /// Nats per response token of the held-out rows under the present policy; nothing if there are
  /// none.
  std::function<std::optional<double>()> holdout_loss;
  RunDirectory& run;
  const Clock& clock;
  std::function<bool()> interrupted;  ///< asked between updates
};

/// Updates of the whole run: sft.epochs passes, or train.steps if that is set.
std::int64_t sft_steps(const RunConfig& config, const SupervisedStories& stories);

/// Supervised warm start: minimises the mean negative log-likelihood of plans and stories, from
/// the newest checkpoint of the run directory or from the start. The held-out loss is measured
/// before the first update, every train.validate_every updates and at the end.
/// @throws Error{kInterrupted} after saving, when interrupted() says so; what the stages throw
void run_sft(const RunConfig& config, SftStages stages);

}  // namespace polaris
