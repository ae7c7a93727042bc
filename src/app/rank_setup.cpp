#include "app/rank_setup.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <fstream>
#include <iostream>
#include <iterator>
#include <thread>

#include "app/command.h"
#include "app/plan_request.h"
#include "app/rank_launcher.h"
#include "app/this_machine.h"
#include "base/error.h"
#include "nn/rendezvous.h"

namespace polaris {
namespace {

/// The arguments of this process, its name not included.
std::vector<std::string> own_arguments() {
  std::ifstream file("/proc/self/cmdline", std::ios::binary);
  std::vector<std::string> arguments;
  for (std::string argument; std::getline(file, argument, '\0');) arguments.push_back(argument);
  if (!arguments.empty()) arguments.erase(arguments.begin());
  return arguments;
}

/// How many ranks are on this machine. All ranks call it.
int ranks_here(Collective& collective) {
  std::array<char, HOST_NAME_MAX + 1> name{};
  ::gethostname(name.data(), name.size() - 1);
  return static_cast<int>(std::ranges::count(collective.all_gather(name.data()), name.data()));
}

/// `auto` and `cuda` are a GPU per rank where there are GPUs; a machine's cores are its ranks'
/// together.
DeviceConfig device_of(const Rendezvous& rendezvous, int ranks_here, DeviceConfig device) {
  const bool any_gpu = device.name == "auto" || device.name == "cuda";
  if (any_gpu && cuda_gpu(0)) device.name = fmt::format("cuda:{}", rendezvous.local_rank);
  if (device.threads == 0)
    device.threads = std::max<std::int64_t>(
        std::thread::hardware_concurrency() / static_cast<unsigned>(ranks_here), 1);
  return device;
}

}  // namespace

bool start_ranks(int ranks) {
  const auto rendezvous = read_rendezvous();
  if (rendezvous && ranks > 1 && rendezvous->size != ranks)
    throw Error(ErrorCode::kInvalidConfig,
                fmt::format("--ranks is {}, but a launcher has started {}; leave --ranks out",
                            ranks, rendezvous->size));
  if (rendezvous || ranks == 1) return false;
  if (const int code = run_ranks({.ranks = ranks, .arguments = own_arguments()}, std::cerr))
    throw ExitStatus{code};
  return true;
}

RankSetup join_ranks(const RunConfig& config) {
  const auto rendezvous = read_rendezvous();
  RankSetup setup{.collective = join(rendezvous, config.distributed), .device = config.device};
  if (!rendezvous) return setup;
  setup.here = ranks_here(*setup.collective);
  setup.device = device_of(*rendezvous, setup.here, config.device);
  return setup;
}

void settle_by_plan(const RunConfig& config, const RankSetup& setup, const ModelConfig& model,
                    TorchLearnerOptions& options) {
  options.device = setup.device;
  const PlanTarget target = parse_plan_target("auto", setup.device, setup.here);
  const MemoryPlan plan =
      plan_memory(memory_request(config, model, target.device, setup.collective->size()));
  options.optimizer.moments = plan.moments;
  if (target.device.kind == DeviceKind::kCpu) return;
  options.learner.microbatch_tokens = plan.microbatch_tokens;
  options.head_rows = plan.head_rows;
}

}  // namespace polaris
