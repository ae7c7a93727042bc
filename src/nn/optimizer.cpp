#include "nn/internal/optimizer.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "nn/internal/adamw.h"
#include "nn/internal/gradient_norm.h"

namespace polaris::nn {
namespace {

void check(const OptimizerConfig& config, const StoreOptions& store) {
  if (config.master == MasterDtype::kSplit && !store.split_master)
    throw Error(ErrorCode::kInvalidConfig,
                "optimizer.master is split, but weights are computed with in float32 and need no "
                "master; write auto, or model.compute_dtype = bfloat16");
  if (config.master == MasterDtype::kFloat32 && store.split_master)
    throw Error(ErrorCode::kInvalidConfig,
                "optimizer.master is float32, but model.compute_dtype is bfloat16; write auto or "
                "split, which is the same master bit for bit in half the space");
}

}  // namespace

Optimizer::Optimizer(ParameterStore& store, const OptimizerConfig& config, std::uint64_t seed)
    : store_(store),
      config_(config),
      seed_(seed),
      moments_(store.layout(), store.sharding(), config.moments, store.options().device) {
  check(config, store.options());
}

GradientNorm Optimizer::reduced_norm() const {
  const Sharding& sharding = store_.sharding();
  sharding.reduce(store_.gradient({0, store_.layout().size()}));
  std::vector<at::Tensor> gradients;
  for (const Shard& shard : sharding.own_shards())
    gradients.push_back(store_.gradient(shard.range));
  const GradientNorm own = gradient_norm(gradients);

  std::vector<double> sums(store_.layout().parameters().size());
  for (std::size_t i = 0; i < gradients.size(); ++i)
    sums[sharding.own_shards()[i].parameter] = own.sums_of_squares[i];
  sharding.collective().all_reduce_sum(sums);
  return norm_of(std::move(sums));
}

Optimizer::Step Optimizer::step(double learning_rate, double gradient_scale) {
  const auto& parameters = store_.layout().parameters();
  const GradientNorm norm = reduced_norm();

  Step result{.grad_norm = norm.norm * std::abs(gradient_scale)};
  for (const std::size_t i : norm.not_finite)
    result.nonfinite_tensors.push_back(parameters[i].name);
  if (result.nonfinite_tensors.empty()) {
    ++steps_;
    // 1e-6 as in torch's clip_grad_norm_, which made the published runs.
    const double clip = std::min(1.0, config_.max_grad_norm / (result.grad_norm + 1e-6));
    const AdamWStep step = {.lr = learning_rate,
                            .beta1 = config_.betas[0],
                            .beta2 = config_.betas[1],
                            .eps = config_.eps,
                            .weight_decay = config_.weight_decay,
                            .gradient_scale = gradient_scale * clip,
                            .step = steps_,
                            .seed = seed_};
    const bool split = store_.options().split_master;
    const auto& shards = store_.sharding().own_shards();
    for (std::size_t i = 0; i < shards.size(); ++i) {
      const ParameterRange& range = shards[i].range;
      const MomentTensors moments = moments_.of(i);
      adamw({.first = range.begin,
             .weight = store_.weights(range),
             .remainder = split ? store_.remainder(range) : at::Tensor(),
             .gradient = store_.gradient(range),
             .m = moments.m,
             .v = moments.v,
             .m_scale = moments.m_scale,
             .v_scale = moments.v_scale},
            step);
    }
    store_.publish();
  }
  store_.zero_gradient();
  return result;
}

}  // namespace polaris::nn
