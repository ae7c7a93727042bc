#include "nn/internal/trunk.h"

#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/autograd.h>

#include "base/error.h"

namespace polaris::nn {
namespace {

void call(const LayerHooks::Hook& hook, std::size_t layer) {
  if (hook) hook(layer);
}

at::Tensor leaf(const at::Tensor& x) { return x.detach().requires_grad_(true); }

}  // namespace

Trunk::Trunk(const Decoder& decoder, bool recompute, LayerHooks hooks)
    : decoder_(decoder), recompute_(recompute), hooks_(std::move(hooks)) {}

at::Tensor Trunk::run_with_graph(std::size_t layer, const at::Tensor& input,
                                 const PackedBatch& batch) const {
  const c10::AutoGradMode with_graph(true);
  return decoder_.layer(layer, input, batch);
}

at::Tensor Trunk::forward(const PackedBatch& batch) {
  const c10::AutoGradMode without_graph(false);
  inputs_.clear();
  outputs_.clear();
  at::Tensor x = decoder_.embed(batch.tokens);
  for (std::size_t layer = 0; layer < decoder_.layer_count(); ++layer) {
    call(hooks_.before_forward, layer);
    if (recompute_) {
      inputs_.push_back(x);
      x = decoder_.layer(layer, x, batch);
    } else {
      inputs_.push_back(leaf(x));
      outputs_.push_back(run_with_graph(layer, inputs_.back(), batch));
      x = outputs_.back().detach();
    }
    call(hooks_.after_forward, layer);
  }
  return x;
}

void Trunk::backward(const PackedBatch& batch, at::Tensor gradient) {
  POLARIS_CHECK(inputs_.size() == decoder_.layer_count(), "backward() without forward()");
  for (std::size_t layer = decoder_.layer_count(); layer-- > 0;) {
    call(hooks_.before_backward, layer);
    const at::Tensor input = recompute_ ? leaf(inputs_[layer]) : inputs_[layer];
    {
      const at::Tensor output = recompute_ ? run_with_graph(layer, input, batch) : outputs_[layer];
      torch::autograd::backward({output}, {gradient});
    }
    gradient = input.grad();
    inputs_.pop_back();
    if (!recompute_) outputs_.pop_back();
    call(hooks_.after_backward, layer);
  }
  decoder_.add_embedding_gradient(batch.tokens, gradient);
}

}  // namespace polaris::nn
