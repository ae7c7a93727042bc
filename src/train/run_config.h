#pragma once

#include <cstdint>
#include <string>

#include "base/config.h"
#include "data/data_config.h"
#include "eval/eval_config.h"
#include "judge/judge_config.h"
#include "nn/learner_config.h"
#include "nn/policy_config.h"
#include "reward/reward_config.h"
#include "rl/advantage.h"
#include "rl/hri.h"
#include "rl/loss.h"
#include "rollout/rollout_config.h"

namespace polaris {

struct TrainConfig {
  std::int64_t steps = 0;
  std::int64_t checkpoint_every = 5;
  std::int64_t keep_checkpoints = 2;
  std::int64_t keep_weights_every = 0;
  std::int64_t validate_every = 20;
  bool validate_first = true;
  bool record_batches = false;
  bool steps_changeable = true;  ///< not a key: RunConfig sets it (the schedule must be constant)

  void fields(FieldList& list);
};

/// An alarm in `patience` consecutive steps stops the run (exit code 8); a limit of 0 is off.
struct GuardsConfig {
  std::int64_t patience = 3;
  double logprob_gap = 0.05;
  double zero_spread_groups = 0.5;
  double truncated = 0.3;
  double unclosed_thinking = 0.2;
  double length_ratio = 0.5;
  double self_repetition = 0.5;

  void fields(FieldList& list);
};

/// Supervised warm start.
struct SftConfig {
  std::string data;
  double holdout = 0.05;
  std::int64_t epochs = 1;
  std::int64_t batch_tokens = 65536;
  std::int64_t max_tokens = 8192;
  double lr = 2e-4;

  void fields(FieldList& list);
};

struct CostConfig {
  double machine_usd_per_hour = 0.0;

  void fields(FieldList& list);
};

/// Everything one TOML file says. The defaults are the `corrected` preset (specs/config.md).
struct RunConfig {
  std::int64_t seed = 3479;
  PolicyConfig model;
  DataConfig data;
  TrainConfig train;
  RolloutConfig rollout;
  HriConfig hri;
  AdvantageConfig advantage;
  LossConfig loss;
  OptimizerConfig optimizer;
  LearnerConfig learner;
  RewardConfig reward;
  JudgeConfig judge;
  ValidationConfig validation;
  EvalConfig eval;
  GuardsConfig guards;
  SftConfig sft;
  DistributedConfig distributed;
  DeviceConfig device;
  CostConfig cost;

  void fields(FieldList& list);
  void validate() const;
};

}  // namespace polaris
