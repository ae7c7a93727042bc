#pragma once

#include <filesystem>
#include <functional>
#include <memory>

#include "nn/torch_learner.h"
#include "rollout/rollout_engine.h"
#include "train/run_config.h"
#include "train/run_text.h"

namespace polaris {

/// Who writes the stories of a run: this process, which shares the learner's weights, or a server,
/// which is given them as files below `run_dir` and so has to see that folder.
///
/// @param config  one that check_trainable() accepts
/// @param learner, text  borrowed
std::unique_ptr<RolloutEngine> make_rollout_engine(const RunConfig& config,
                                                   const TorchLearner& learner, const RunText& text,
                                                   const std::filesystem::path& run_dir,
                                                   std::function<bool()> interrupted);

/// @throws Error{kInvalidConfig} if stories would be drawn from another distribution than the
///         trained one without a correction, or a server is to write that cannot sample or be
///         trained as configured
void check_trainable(const RunConfig& config);

}  // namespace polaris
