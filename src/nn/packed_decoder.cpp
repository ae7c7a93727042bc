#include "nn/internal/packed_decoder.h"

#include "base/error.h"
#include "nn/internal/row_ops.h"

namespace polaris::nn {
namespace {

kernels::HeadLayout head_layout(const Decoder& decoder, const AttentionWeights& weights) {
  const AttentionLayout& layout = decoder.attention_layout();
  kernels::HeadLayout heads{.heads = layout.heads,
                            .kv_heads = layout.kv_heads,
                            .head_dim = layout.head_dim,
                            .has_gate = layout.has_gate,
                            .has_norms = weights.norms.has_value()};
  if (weights.norms) {
    heads.query_norm = kernel_norm(weights.norms->query, weights.norms->style, layout.head_dim);
    heads.key_norm = kernel_norm(weights.norms->key, weights.norms->style, layout.head_dim);
  }
  return heads;
}

std::int64_t elements(const Decoder& decoder) {
  std::int64_t count = decoder.head().value.numel();
  for (std::size_t i = 0; i < decoder.layer_count(); ++i) {
    const LayerWeights& layer = decoder.weights(i);
    count += layer.delta ? layer.delta->in.value.numel() + layer.delta->out.value.numel()
                         : layer.attention->in.value.numel() + layer.attention->out.value.numel();
    count += layer.gate_up.value.numel() + layer.down.value.numel();
  }
  return count;
}

}  // namespace

PackedLayer::PackedLayer(const Decoder& decoder, const LayerWeights& weights, WeightStorage storage)
    : input_norm(
          kernel_norm(weights.input_norm, decoder.norm_style(), decoder.config().hidden_size)),
      post_norm(kernel_norm(weights.post_norm, decoder.norm_style(), decoder.config().hidden_size)),
      in(weights.delta ? weights.delta->in : weights.attention->in, storage),
      out(weights.delta ? weights.delta->out : weights.attention->out, storage),
      gate_up(weights.gate_up, storage),
      down(weights.down, storage) {
  if (weights.attention) {
    heads = head_layout(decoder, *weights.attention);
    return;
  }
  const LinearAttentionConfig& shape = *decoder.config().linear_attention;
  taps = weights.delta->inputs.conv.value.select(1, 0).t().contiguous();
  delta = {.key_heads = shape.key_heads,
           .value_heads = shape.value_heads,
           .key_dim = shape.key_head_dim,
           .value_dim = shape.value_head_dim,
           .taps = shape.conv_kernel,
           .conv = data<float>(taps),
           .a_log = data<float>(weights.delta->inputs.a_log.value),
           .dt_bias = data<float>(weights.delta->inputs.dt_bias.value)};
  delta_norm = kernel_norm(weights.delta->norm, {.eps = decoder.config().rms_norm_eps},
                           shape.value_head_dim);
}

PackedDecoder::PackedDecoder(const Decoder& decoder, WeightStorage storage)
    : decoder_(decoder),
      final_norm_(kernel_norm(decoder.final_norm_weight(), decoder.norm_style(),
                              decoder.config().hidden_size)),
      head_(decoder.head(), storage),
      bytes_(head_.bytes()) {
  for (std::size_t i = 0; i < decoder.layer_count(); ++i) {
    const PackedLayer& layer = layers_.emplace_back(decoder, decoder.weights(i), storage);
    bytes_ += layer.in.bytes() + layer.out.bytes() + layer.gate_up.bytes() + layer.down.bytes();
  }
}

std::int64_t PackedDecoder::bytes(const Decoder& decoder, WeightStorage storage) {
  switch (storage) {
    case WeightStorage::kFloat32:
      return 4 * elements(decoder);
    case WeightStorage::kBfloat16:
      return 2 * elements(decoder);
    case WeightStorage::kInt8:
      return elements(decoder);
  }
  throw Error(ErrorCode::kInternal, "an unknown storage");
}

}  // namespace polaris::nn
