#include "nn/internal/gradient_pass.h"

#include <ATen/ops/empty_like.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros_like.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/autograd.h>

namespace polaris::nn {

HeadScores gradient_pass(const Decoder& decoder, Trunk& trunk, const PackedTargets& pack,
                         double temperature, const LossGradient& loss_gradient,
                         std::int64_t head_rows) {
  const c10::AutoGradMode without_graph(false);
  const at::Device device = decoder.head().value.device();
  const PackedBatch batch(decoder.config(), pack.tokens, pack.lengths, device);
  const at::Tensor positions = at::tensor(pack.positions, at::kLong).to(device);
  const at::Tensor targets = at::tensor(pack.targets, at::kLong).to(device);

  const at::Tensor x = trunk.forward(batch);
  const at::Tensor selected = at::index_select(x, 0, positions).requires_grad_(true);
  at::Tensor normed;
  {
    const c10::AutoGradMode with_graph(true);
    normed = decoder.final_norm(selected);
  }
  at::Tensor head_gradient = at::empty_like(normed);
  const HeadScores scores =
      head_forward_backward(normed.detach(), decoder.head(), targets, temperature, loss_gradient,
                            head_gradient, head_rows);
  torch::autograd::backward({normed}, {head_gradient});
  at::Tensor gradient = at::zeros_like(x);
  gradient.index_copy_(0, positions, selected.grad());
  trunk.backward(batch, gradient);
  return scores;
}

}  // namespace polaris::nn
