#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "nn/memory_plan.h"

namespace polaris {

struct RunConfig;

/// A device to plan for, and how to call it: "cuda", "this machine's NVIDIA H200".
struct PlanTarget {
  PlanDevice device;
  std::string name;
};

/// Reads `--plan-for`: cuda:80GB, cpu:24GB (GB are 1e9 bytes, GiB 2^30), of one rank; or auto, the
/// device of this machine that `device.name` chooses, the host's memory shared by all ranks.
/// @throws Error{kInvalidConfig}
PlanTarget parse_plan_target(std::string_view text, const DeviceConfig& device, std::int64_t ranks);

/// What the run of this configuration needs.
/// @throws Error{kInvalidConfig} for a run that this version cannot plan
MemoryRequest memory_request(const RunConfig& config, const ModelConfig& model,
                             const PlanDevice& device, std::int64_t ranks);

}  // namespace polaris
