#include "nn/internal/decoder.h"

#include <ATen/Parallel.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/tensor.h>
#include <c10/core/GradMode.h>

#include <cmath>
#include <numeric>

#include "base/error.h"
#include "nn/internal/attention.h"
#include "nn/internal/delta_rule.h"
#include "nn/internal/gates.h"
#include "nn/internal/linear.h"

namespace polaris::nn {
namespace {

/// The weights of a model with their adapters.
struct Weights {
  const ParameterStore& store;
  const LoraAdapters* adapters;

  Weight weight(const std::string& name) const { return with_adapters(name, store.weight(name)); }
  Weight joined(const std::string& first, const std::string& last) const {
    return with_adapters(first, store.joined(first, last));
  }

 private:
  Weight with_adapters(const std::string& first, Weight weight) const {
    if (adapters != nullptr) weight.lora = adapters->on(first);
    return weight;
  }
};

AttentionWeights attention_weights(const Weights& store, const std::string& prefix,
                                   const ModelConfig& config, const NormStyle& style) {
  AttentionWeights weights{.in = store.joined(prefix + "q_proj.weight", prefix + "v_proj.weight"),
                           .out = store.weight(prefix + "o_proj.weight")};
  if (config.has_qk_norm())
    weights.norms = {.query = store.weight(prefix + "q_norm.weight"),
                     .key = store.weight(prefix + "k_norm.weight"),
                     .style = style};
  return weights;
}

DeltaWeights delta_weights(const Weights& store, const std::string& prefix) {
  return {.in = store.joined(prefix + "in_proj_qkv.weight", prefix + "in_proj_a.weight"),
          .inputs = {.conv = store.weight(prefix + "conv1d.weight"),
                     .a_log = store.weight(prefix + "A_log"),
                     .dt_bias = store.weight(prefix + "dt_bias")},
          .norm = store.weight(prefix + "norm.weight"),
          .out = store.weight(prefix + "out_proj.weight")};
}

LayerWeights layer_weights(const Weights& store, std::size_t index, const ModelConfig& config,
                           const NormStyle& style) {
  const std::string prefix = fmt::format("layers.{}.", index);
  LayerWeights weights{
      .input_norm = store.weight(prefix + "input_layernorm.weight"),
      .post_norm = store.weight(prefix + "post_attention_layernorm.weight"),
      .gate_up = store.joined(prefix + "mlp.gate_proj.weight", prefix + "mlp.up_proj.weight"),
      .down = store.weight(prefix + "mlp.down_proj.weight")};
  if (config.layers[index] == LayerKind::kLinearAttention) {
    weights.delta = delta_weights(store, prefix + "linear_attn.");
  } else {
    weights.attention = attention_weights(store, prefix + "self_attn.", config, style);
  }
  return weights;
}

/// Row t of `gradient` is added to row ids[t] of `table`, in the order of t; threads divide the
/// columns.
void add_rows(const at::Tensor& table, const at::Tensor& ids, const at::Tensor& gradient) {
  at::Tensor sums = table;
  if (!table.is_cpu()) {  // sorts the rows first, while index_add_ adds in any order there
    sums.index_put_({ids}, gradient.to(table.scalar_type()), /*accumulate=*/true);
    return;
  }
  if (table.scalar_type() != at::kFloat) {
    sums.index_add_(0, ids, gradient.to(table.scalar_type()));
    return;
  }
  const at::Tensor rows = gradient.to(at::kFloat).contiguous();
  const auto* id = ids.const_data_ptr<std::int64_t>();
  const auto* from = rows.const_data_ptr<float>();
  auto* to = table.mutable_data_ptr<float>();
  const std::int64_t width = table.size(1);
  constexpr std::int64_t kColumns = 256;  // of a thread at least
  at::parallel_for(0, width, kColumns, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t t = 0; t < rows.size(0); ++t) {
      for (std::int64_t i = begin; i < end; ++i) to[id[t] * width + i] += from[t * width + i];
    }
  });
}

at::Tensor positions_of(const PackedSequences& sequences, at::Device device) {
  std::vector<std::int64_t> positions(static_cast<std::size_t>(sequences.tokens()));
  for (std::int64_t i = 0; i < sequences.count(); ++i) {
    const auto begin = positions.begin() + sequences.begin(i);
    std::iota(begin, begin + sequences.length(i), std::int64_t{0});
  }
  return at::tensor(positions, at::kLong).to(device);
}

}  // namespace

PackedBatch::PackedBatch(const ModelConfig& config, std::span<const TokenId> ids,
                         std::span<const std::int64_t> lengths, at::Device device)
    : sequences(lengths),
      tokens(at::tensor(std::vector<std::int64_t>(ids.begin(), ids.end()), at::kLong).to(device)),
      rope(rope_tables(config.rope, positions_of(sequences, device))) {
  POLARIS_CHECK(sequences.tokens() == tokens.size(0), "{} tokens in sequences of {}",
                tokens.size(0), sequences.tokens());
  if (config.linear_attention) {
    // Whichever is faster for these heads; they agree to rounding.
    const bool small_heads = device.is_cpu() && config.linear_attention->key_head_dim <= 64;
    delta.emplace(sequences, device, small_heads ? 32 : 64);
  }
}

double Decoder::attention_scale() const {
  return 1.0 / std::sqrt(static_cast<double>(config_.head_dim));
}

double Decoder::delta_scale() const {
  return 1.0 / std::sqrt(static_cast<double>(config_.linear_attention->key_head_dim));
}

Decoder::Decoder(const ModelConfig& config, const ParameterStore& store,
                 const LoraAdapters* adapters)
    : config_(config),
      norm_style_{.eps = config.rms_norm_eps, .zero_centred = config.zero_centred_norms()},
      attention_layout_{.heads = config.attention_heads,
                        .kv_heads = config.key_value_heads,
                        .head_dim = config.head_dim,
                        .has_gate = config.has_output_gate()},
      embedding_(store.weight("embed_tokens.weight")),
      final_norm_(store.weight("norm.weight")),
      head_(config.tie_word_embeddings ? embedding_ : store.weight("lm_head.weight")) {
  for (std::size_t i = 0; i < config.layers.size(); ++i)
    layers_.push_back(layer_weights({store, adapters}, i, config, norm_style_));
}

at::Tensor Decoder::embed(const at::Tensor& tokens) const {
  return at::index_select(embedding_.value, 0, tokens);
}

void Decoder::add_embedding_gradient(const at::Tensor& tokens, const at::Tensor& gradient) const {
  if (embedding_.gradient.defined()) add_rows(embedding_.gradient, tokens, gradient);
}

at::Tensor Decoder::mix(const AttentionWeights& weights, const at::Tensor& x,
                        const PackedBatch& batch) const {
  const AttentionInputs inputs =
      attention_inputs(linear(x, weights.in), attention_layout_, weights.norms, batch.rope);
  // FlashAttention, which is on GPUs only, takes nothing wider than bfloat16.
  const auto operand = [&](const at::Tensor& t) { return x.is_cuda() ? t.to(x.scalar_type()) : t; };
  const at::Tensor o = packed_attention(operand(inputs.q), operand(inputs.k), operand(inputs.v),
                                        batch.sequences, config_.sliding_window, attention_scale());
  return linear(gate_attention(o, inputs.gate, x.scalar_type()), weights.out);
}

at::Tensor Decoder::mix(const DeltaWeights& weights, const at::Tensor& x,
                        const PackedBatch& batch) const {
  const LinearAttentionConfig& shape = *config_.linear_attention;
  const DeltaInputs inputs =
      delta_inputs(linear(x, weights.in), weights.inputs, shape, batch.sequences);
  const DeltaOutput output =
      delta_rule({.q = inputs.q, .k = inputs.k, .v = inputs.v, .g = inputs.g, .beta = inputs.beta},
                 *batch.delta, delta_scale());
  return linear(gated_rms_norm(output.o, inputs.z, weights.norm, config_.rms_norm_eps),
                weights.out);
}

at::Tensor Decoder::layer(std::size_t index, const at::Tensor& x, const PackedBatch& batch) const {
  const LayerWeights& weights = layers_[index];
  const at::Tensor normed = rms_norm(x, weights.input_norm, norm_style_);
  return feed_forward(
      index, x,
      weights.delta ? mix(*weights.delta, normed, batch) : mix(*weights.attention, normed, batch));
}

at::Tensor Decoder::feed_forward(std::size_t index, const at::Tensor& x,
                                 const at::Tensor& mixed) const {
  const LayerWeights& weights = layers_[index];
  const NormedSum h = add_rms_norm(x, mixed, weights.post_norm, norm_style_);
  return h.sum.add(linear(silu_mul(linear(h.normed, weights.gate_up)), weights.down));
}

at::Tensor Decoder::hidden(const PackedBatch& batch) const {
  const c10::NoGradGuard no_graph;
  at::Tensor x = embed(batch.tokens);
  for (std::size_t i = 0; i < layers_.size(); ++i) x = layer(i, x, batch);
  return x;
}

at::Tensor Decoder::final_norm(const at::Tensor& x) const {
  return rms_norm(x, final_norm_, norm_style_);
}

}  // namespace polaris::nn
