#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>

#include "nn/collective.h"
#include "nn/learner.h"
#include "nn/learner_config.h"
#include "nn/policy.h"
#include "nn/policy_config.h"
#include "nn/token_tally.h"
#include "rl/loss.h"
#include "weights/dtype.h"

namespace polaris {

struct TorchLearnerOptions {
  PolicyConfig model;
  OptimizerConfig optimizer;
  LearnerConfig learner;
  LossConfig loss;
  DeviceConfig device;
  Objective objective = Objective::kPolicyGradient;
  double temperature = 1.0;      ///< of the softmax that log-probs are of: the sampler's
  std::int64_t total_steps = 0;  ///< where the learning rate's schedule ends
  std::int64_t head_rows = 0;    ///< of a tile of logits; 0: what suits the device
  std::uint64_t seed = 0;        ///< of stochastic rounding
  /// The ranks that train together; outlives the learner. Null: one process.
  Collective* collective = nullptr;
};

/// Trains all weights of a checkpoint, or adapters on them (model.lora), with AdamW.
/// Log-probabilities are of the softmax of float32 logits at `temperature`; the prompt is read, the
/// response is scored.
///
/// Rows are packed into micro-batches without padding, longest first; the same rows give the same
/// bits, whatever the number of threads. Rows with advantage 0 are counted but not computed.
///
/// With several ranks all make the same calls with the same rows: each computes a share of them by
/// tokens, steps a shard of the parameters (nn/internal/sharding.h), and reports what all did.
/// Rank 0 alone writes; what it writes does not depend on the number of ranks.
class TorchLearner : public Learner {
 public:
  /// @throws Error{kIo, kInvalidData} for a checkpoint that cannot be read, Error{kInvalidConfig}
  ///         for settings that do not go together, Error{kOutOfMemory} for what cannot fit
  explicit TorchLearner(const TorchLearnerOptions& options);
  ~TorchLearner() override;

  void accumulate(std::span<const Row> rows) override;
  UpdateStats apply(double step_scale) override;
  std::int64_t policy_version() const override;
  void save(const std::filesystem::path& folder) const override;
  void save_weights(const std::filesystem::path& folder) const override;
  void load(const std::filesystem::path& folder) override;

  /// The policy that is trained: it sees every update.
  Policy policy() const;

  /// Writes the policy alone as an HF checkpoint, files and names as those that were read; with
  /// adapters, these alone as a PEFT folder in float32.
  /// @param folder  is made if absent; must not hold weights
  /// @param dtype   of our tensors; nothing: as model.save_dtype says
  /// @throws Error{kIo}
  void save_model(const std::filesystem::path& folder, std::optional<Dtype> dtype = {}) const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

/// The type of the moments that TorchLearner::save() wrote into a folder; nothing if the folder
/// does not say, as older ones do not. @throws Error{kIo, kInvalidData}
std::optional<MomentDtype> saved_moments(const std::filesystem::path& folder);

}  // namespace polaris
