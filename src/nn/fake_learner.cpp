#include "nn/fake_learner.h"

#include <algorithm>
#include <cmath>
#include <fstream>

#include "base/error.h"
#include "base/json.h"

namespace polaris {

void FakeLearner::accumulate(std::span<const Row> rows) {
  const ToyDistribution words(policy_);
  for (const Row& row : rows) {
    tally_.add_row(row);
    for (std::size_t t = 0; t < row.response_tokens.size(); ++t) {
      const TokenId token = row.response_tokens[t];
      const double logprob = words.logprob(token);
      const TokenLoss loss = row_token_loss(row, t, logprob, loss_, Objective::kPolicyGradient);
      gradient_ += row.coefficient * loss.gradient * words.gradient(token);
      tally_.add_token(row, t, logprob, -logprob, loss);
    }
  }
}

UpdateStats FakeLearner::apply(double step_scale) {
  UpdateStats stats = tally_.take(step_scale);
  stats.grad_norm = std::abs(step_scale * gradient_);
  stats.learning_rate = learning_rate_;
  if (!std::isfinite(stats.grad_norm)) {
    stats.skipped = true;
    stats.nonfinite_tensors = {"skill"};
  } else if (stats.rows == 0) {
    stats.skipped = true;
  } else {
    momentum_ = 0.9 * momentum_ + step_scale * gradient_;
    policy_.skill = std::clamp(policy_.skill - learning_rate_ * momentum_, 0.0, 99.0);
  }
  ++version_;
  gradient_ = 0.0;
  return stats;
}

void FakeLearner::save(const std::filesystem::path& folder) const {
  if (folder.empty()) return;  // of a rank that does not write
  std::ofstream file(folder / "toy_learner.json", std::ios::binary);
  file << dump_json({{"skill", policy_.skill}, {"momentum", momentum_}, {"version", version_}});
  if (!file.flush())
    throw Error(ErrorCode::kIo,
                fmt::format("cannot write {}", (folder / "toy_learner.json").string()));
}

void FakeLearner::load(const std::filesystem::path& folder) {
  const Json state = read_json_file(folder / "toy_learner.json");
  policy_.skill = state.at("skill").get<double>();
  momentum_ = state.at("momentum").get<double>();
  version_ = state.at("version").get<std::int64_t>();
}

}  // namespace polaris
