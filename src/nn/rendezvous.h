#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "nn/collective.h"
#include "nn/learner_config.h"

namespace polaris {

/// Who a process is among those of its run, and where they meet.
struct Rendezvous {
  int rank = 0;
  int size = 1;
  int local_rank = 0;   ///< among the ranks of this machine: which GPU is this one's
  std::string address;  ///< of the machine of rank 0, a name or a number
  int port = 0;         ///< on which rank 0 listens
  /// torchrun listens there itself and keeps what it was told over restarts, which it counts.
  bool launcher_listens = false;
  std::string attempt = "0";
};

/// An environment variable's value, or nothing where it is not set.
using EnvironmentLookup = std::function<std::optional<std::string>(const char* name)>;

/// The environment of this process.
std::optional<std::string> environment_variable(const char* name);

/// What torchrun (or `polaris train --ranks N`) has set: RANK, WORLD_SIZE, LOCAL_RANK, MASTER_ADDR,
/// MASTER_PORT; else what Slurm's srun has set: SLURM_PROCID, SLURM_NTASKS, SLURM_LOCALID, to which
/// its user adds the MASTER_ two.
/// @return nothing if none of these is set, or if there is but one rank: a single process
/// @throws Error{kInvalidConfig} that names the variable which is missing or makes no sense
std::optional<Rendezvous> read_rendezvous(const EnvironmentLookup& variable = environment_variable);

/// Waits for all ranks. Where there is no rendezvous, a single process that waits for nobody.
/// @throws Error{kUnavailable} naming the ranks that did not come within config.timeout_s;
///         Error{kInvalidConfig} if the address or the port cannot be right, if two processes say
///         that they are the same rank, or if the backend is not in this build
std::unique_ptr<Collective> join(const std::optional<Rendezvous>& rendezvous,
                                 const DistributedConfig& config);

}  // namespace polaris
