#include "nn/internal/optimizer.h"

#include <ATen/ops/zeros.h>

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
  if (config.moments == MomentDtype::kInt8)
    throw Error(ErrorCode::kInvalidConfig,
                "optimizer.moments = int8 is not there yet; write float32 or bfloat16");
}

}  // namespace

Optimizer::Optimizer(ParameterStore& store, const OptimizerConfig& config, std::uint64_t seed)
    : store_(store), config_(config), seed_(seed) {
  check(config, store.options());
  const auto type = config.moments == MomentDtype::kBfloat16 ? at::kBFloat16 : at::kFloat;
  const auto options = at::TensorOptions().device(store.options().device).dtype(type);
  m_ = at::zeros({store.layout().size()}, options);
  v_ = at::zeros({store.layout().size()}, options);
}

Optimizer::Step Optimizer::step(double learning_rate, double gradient_scale) {
  const auto& parameters = store_.layout().parameters();
  std::vector<at::Tensor> gradients;
  for (const Parameter& parameter : parameters)
    gradients.push_back(store_.gradient(parameter.range));
  const GradientNorm norm = gradient_norm(gradients);

  Step result{.grad_norm = norm.norm * std::abs(gradient_scale)};
  for (const std::size_t i : norm.not_finite)
    result.nonfinite_tensors.push_back(parameters[i].name);
  if (result.nonfinite_tensors.empty()) {
    ++steps_;
    // 1e-6 as in torch's clip_grad_norm_, which made the published runs.
    const double clip = std::min(1.0, config_.max_grad_norm / (result.grad_norm + 1e-6));
    const ParameterRange all{0, store_.layout().size()};
    const bool split = store_.options().split_master;
    adamw({.weight = store_.weights(all),
           .remainder = split ? store_.remainder(all) : at::Tensor(),
           .gradient = store_.gradient(all),
           .m = m_,
           .v = v_},
          {.lr = learning_rate,
           .beta1 = config_.betas[0],
           .beta2 = config_.betas[1],
           .eps = config_.eps,
           .weight_decay = config_.weight_decay,
           .gradient_scale = gradient_scale * clip,
           .step = steps_,
           .seed = seed_});
    store_.refresh_vectors();
  }
  store_.zero_gradient();
  return result;
}

}  // namespace polaris::nn
