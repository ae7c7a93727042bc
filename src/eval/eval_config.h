#pragma once

#include <cstdint>
#include <vector>

#include "base/config.h"
#include "judge/judge_config.h"

namespace polaris {

/// [eval]: how models are compared. Source: specs/evaluation.md 1.4, 1.6.
struct EvalConfig {
  JudgeConfig judge;
  std::int64_t resamples = 2000;
  std::int64_t seed = 20260604;
  std::vector<std::int64_t> buckets = {2000, 3000, 4000, 6000, 8000, 12000};

  void fields(FieldList& list);
  void validate() const;
};

/// [validation]: how held-out prompts are sampled during training. Source: specs/recipe.md 5, 10.
struct ValidationConfig {
  double temperature = 0.8;
  double top_p = 0.95;
  std::int64_t top_k = 0;
  double repetition_penalty = 1.10;
  std::int64_t samples = 1;
  std::int64_t max_new_tokens = 14336;

  void fields(FieldList& list);
};

}  // namespace polaris
