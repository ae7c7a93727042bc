#pragma once

#include <memory>

#include "nn/collective.h"
#include "nn/torch_learner.h"
#include "train/run_config.h"

namespace polaris {

/// This process among the ranks of its run, as its environment says (nn/rendezvous.h).
struct RankSetup {
  std::unique_ptr<Collective> collective;
  DeviceConfig device;  ///< what of this machine is this rank's: a GPU, a part of the CPU
  int here = 1;         ///< ranks on this machine
};

/// Starts `ranks` processes of this program with its own command line, and waits for them, unless
/// this is one of them. @throws ExitStatus if one of them failed
/// @return whether this process has nothing left to do
bool start_ranks(int ranks);

/// Waits for the other ranks. @throws as join() of nn/rendezvous.h
RankSetup join_ranks(const RunConfig& config);

/// TrainingRun::settle: gives the learner this rank's device, and from the memory plan of the run
/// on it the type of the moments and, on a GPU, the sizes of micro-batches and of the head's tiles,
/// where the configuration leaves them open.
void settle_by_plan(const RunConfig& config, const RankSetup& setup, const ModelConfig& model,
                    TorchLearnerOptions& options);

}  // namespace polaris
