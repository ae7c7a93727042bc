#pragma once

#include <ATen/core/Tensor.h>

#include <optional>
#include <span>
#include <vector>

#include "base/token_id.h"
#include "nn/internal/attention_inputs.h"
#include "nn/internal/delta_inputs.h"
#include "nn/internal/delta_plan.h"
#include "nn/internal/lora.h"
#include "nn/internal/norm.h"
#include "nn/internal/packed.h"
#include "nn/internal/parameter_store.h"
#include "nn/internal/rope.h"
#include "nn/internal/weight.h"
#include "weights/model_config.h"

namespace polaris::nn {

/// Full attention, gated or plain (specs/qwen3_5.md 3.3, 8).
struct AttentionWeights {
  Weight in;  ///< [q (with gates) | k | v]
  std::optional<HeadNorms> norms;
  Weight out;
};

/// Gated DeltaNet (specs/qwen3_5.md 3.4).
struct DeltaWeights {
  Weight in;  ///< [q k v | z | b | a]
  DeltaInputWeights inputs;
  Weight norm;
  Weight out;
};

struct LayerWeights {
  Weight input_norm;
  std::optional<AttentionWeights> attention;  ///< a layer has one of the two
  std::optional<DeltaWeights> delta;
  Weight post_norm;
  Weight gate_up;  ///< [gate | up]
  Weight down;
};

/// The tokens of one forward pass, sequences end to end, and what all layers need to know about
/// them.
struct PackedBatch {
  /// @param tokens   [T] ids inside the vocabulary
  /// @param lengths  of the sequences; their sum is T
  PackedBatch(const ModelConfig& config, std::span<const TokenId> tokens,
              std::span<const std::int64_t> lengths, at::Device device);

  PackedSequences sequences;
  at::Tensor tokens;  ///< [T] int64
  RopeTables rope;    ///< positions restart at 0 in every sequence
  std::optional<DeltaPlan> delta;
};

/// The layers of any architecture that weights/ can read. Layers are functions of their input and
/// of the store's weights: who calls them decides what is kept for a backward pass (Trunk), or
/// uses the cached form (CachedDecoder).
class Decoder {
 public:
  /// @param store     outlives the decoder
  /// @param adapters  on the store's matrices; null if there are none; outlive the decoder
  Decoder(const ModelConfig& config, const ParameterStore& store,
          const LoraAdapters* adapters = nullptr);

  const ModelConfig& config() const { return config_; }
  std::size_t layer_count() const { return layers_.size(); }
  const LayerWeights& weights(std::size_t layer) const { return layers_[layer]; }

  /// [T, hidden], not differentiable: add_embedding_gradient() is its backward.
  at::Tensor embed(const at::Tensor& tokens) const;

  /// Adds row t of `gradient` to the gradient of the embedding of tokens[t], in order.
  void add_embedding_gradient(const at::Tensor& tokens, const at::Tensor& gradient) const;

  /// One layer, residual connections included: [T, hidden] to [T, hidden]. Differentiable in x.
  at::Tensor layer(std::size_t index, const at::Tensor& x, const PackedBatch& batch) const;

  /// Everything behind the mixer of a layer.
  at::Tensor feed_forward(std::size_t index, const at::Tensor& x, const at::Tensor& mixed) const;

  /// All layers in a row: [T, hidden] before the final norm. Keeps nothing for a backward pass.
  at::Tensor hidden(const PackedBatch& batch) const;

  at::Tensor final_norm(const at::Tensor& x) const;

  /// [vocab, hidden]; the embedding if tied.
  const Weight& head() const { return head_; }

  /// Of the weights, for the caller's own products and norms.
  const Weight& embedding() const { return embedding_; }
  const Weight& final_norm_weight() const { return final_norm_; }
  const NormStyle& norm_style() const { return norm_style_; }
  const AttentionLayout& attention_layout() const { return attention_layout_; }

  double attention_scale() const;  ///< head_dim^(-1/2), on the products of queries and keys
  double delta_scale() const;      ///< the same for the delta rule's queries

 private:
  at::Tensor mix(const AttentionWeights& weights, const at::Tensor& x,
                 const PackedBatch& batch) const;
  at::Tensor mix(const DeltaWeights& weights, const at::Tensor& x, const PackedBatch& batch) const;

  ModelConfig config_;
  NormStyle norm_style_;
  AttentionLayout attention_layout_;
  Weight embedding_, final_norm_, head_;
  std::vector<LayerWeights> layers_;
};

}  // namespace polaris::nn
