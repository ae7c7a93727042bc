#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

#include "nn/internal/gradient_norm.h"
#include "nn/internal/moments.h"
#include "nn/internal/parameter_store.h"
#include "nn/learner_config.h"

namespace polaris::nn {

/// AdamW over a whole ParameterStore. With several ranks, all of which make the same calls, each
/// steps its own shard with the gradients of all (ZeRO-1).
class Optimizer {
 public:
  /// @param store  has gradients; outlives the optimizer
  /// @throws Error{kInvalidConfig} for a master or moments that do not go with the store
  Optimizer(ParameterStore& store, const OptimizerConfig& config, std::uint64_t seed);

  struct Step {
    double grad_norm = 0.0;                      ///< of gradient_scale * gradient, before clipping
    std::vector<std::string> nonfinite_tensors;  ///< if any, nothing changed
  };

  /// Adds up the gradient arenas of all ranks, scales the sum, clips it to config.max_grad_norm,
  /// updates all weights, and clears the arena.
  Step step(double learning_rate, double gradient_scale);

  /// Updates made, those that were not finite not counted: the step of the bias corrections.
  std::int64_t steps() const { return steps_; }
  void set_steps(std::int64_t steps) { steps_ = steps; }

  const Moments& moments() const { return moments_; }

 private:
  GradientNorm reduced_norm() const;

  ParameterStore& store_;
  OptimizerConfig config_;
  std::uint64_t seed_;
  Moments moments_;
  std::int64_t steps_ = 0;
};

}  // namespace polaris::nn
