#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <vector>

#include "nn/internal/decoder.h"

namespace polaris::nn {

/// What others do between layers: gather weights before one is used, reduce gradients behind it,
/// move what is not needed for a while. Any may be empty.
struct LayerHooks {
  using Hook = std::function<void(std::size_t layer)>;
  Hook before_forward, after_forward, before_backward, after_backward;
};

/// Runs all layers forward, and backward from the gradient of the last one's output, without ever
/// holding autograd's graph of more than one layer if it recomputes:
///
///   recompute   forward keeps the input of every layer; backward runs each layer again
///   otherwise   forward keeps every layer's graph
///
/// Both give the same bits. Source: specs/performance.md D.2.
class Trunk {
 public:
  /// @param decoder  outlives the trunk
  Trunk(const Decoder& decoder, bool recompute, LayerHooks hooks = {});

  /// [T, hidden] output of the last layer, before the final norm. What backward() needs is kept
  /// until it is called, or replaced by the next forward().
  at::Tensor forward(const PackedBatch& batch);

  /// Adds the gradients of all layers' weights and of the embedding, and forgets the pass.
  /// @param gradient  [T, hidden] of what forward() returned
  void backward(const PackedBatch& batch, at::Tensor gradient);

 private:
  at::Tensor run_with_graph(std::size_t layer, const at::Tensor& input,
                            const PackedBatch& batch) const;

  const Decoder& decoder_;
  bool recompute_;
  LayerHooks hooks_;
  std::vector<at::Tensor> inputs_;   // [layers] x_l; leaves of their layer's graph if it is kept
  std::vector<at::Tensor> outputs_;  // [layers] with their graphs; empty if recomputed
};

}  // namespace polaris::nn
