#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "base/config.h"
#include "rl/schedule.h"

namespace polaris {

enum class MasterDtype { kAuto, kSplit, kFloat32 };
std::vector<std::string> enum_names(MasterDtype);

enum class MomentDtype { kAuto, kFloat32, kBfloat16, kInt8 };
std::vector<std::string> enum_names(MomentDtype);

/// AdamW. Source: specs/recipe.md 9, specs/performance.md D.4.
struct OptimizerConfig {
  double lr = 1e-6;
  std::array<double, 2> betas = {0.9, 0.999};
  double eps = 1e-8;
  double weight_decay = 0.01;
  double max_grad_norm = 1.0;
  Schedule schedule = Schedule::kConstant;
  std::int64_t warmup_steps = 0;
  MasterDtype master = MasterDtype::kAuto;
  MomentDtype moments = MomentDtype::kAuto;

  void fields(FieldList& list);
  void validate() const;
};

enum class AccumulateWhen { kWhenComplete, kAsScored };
std::vector<std::string> enum_names(AccumulateWhen);

struct LearnerConfig {
  std::int64_t microbatch_tokens = 0;
  bool recompute = true;
  AccumulateWhen accumulate = AccumulateWhen::kWhenComplete;

  void fields(FieldList& list);
};

enum class Backend { kAuto, kGloo, kNccl };
std::vector<std::string> enum_names(Backend);

struct DistributedConfig {
  Backend backend = Backend::kAuto;
  double timeout_s = 600;

  void fields(FieldList& list);
};

struct DeviceConfig {
  std::string name = "auto";
  std::int64_t threads = 0;
  double memory_fraction = 0.92;

  void fields(FieldList& list);
  void validate() const;
};

}  // namespace polaris
