#pragma once

#include "nn/learner.h"
#include "nn/token_tally.h"
#include "nn/toy_policy.h"
#include "rl/loss.h"

namespace polaris {

/// Trains a ToyPolicy with the recipe's own surrogate and plain momentum. Its state depends on
/// every row it was given, so two runs that end with the same bytes have seen the same updates.
class FakeLearner : public Learner {
 public:
  explicit FakeLearner(double learning_rate = 20.0, const LossConfig& loss = {})
      : learning_rate_(learning_rate), loss_(loss) {}

  void accumulate(std::span<const Row> rows) override;
  UpdateStats apply(double step_scale) override;
  std::int64_t policy_version() const override { return version_; }
  void save(const std::filesystem::path& folder) const override;
  void save_weights(const std::filesystem::path& folder) const override { save(folder); }
  void load(const std::filesystem::path& folder) override;

  const ToyPolicy& policy() const { return policy_; }

 private:
  double learning_rate_;
  LossConfig loss_;
  ToyPolicy policy_;
  double momentum_ = 0.0;
  std::int64_t version_ = 0;

  // of the update that is being accumulated
  double gradient_ = 0.0;
  TokenTally tally_;
};

}  // namespace polaris
