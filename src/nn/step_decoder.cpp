#include "nn/internal/step_decoder.h"

#include <ATen/Parallel.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "base/error.h"
#include "nn/internal/row_ops.h"
#include "nn/kernels/attention_inputs_kernels.h"
#include "nn/kernels/decode_attention_kernels.h"
#include "nn/kernels/delta_inputs_kernels.h"
#include "nn/kernels/delta_recurrence.h"
#include "nn/kernels/flush_denormals.h"
#include "nn/kernels/gate_kernels.h"
#include "nn/kernels/norm_kernels.h"
#include "nn/kernels/row_product_kernels.h"
#include "nn/kernels/softmax_kernels.h"

namespace polaris::nn {
namespace {

/// Weights beyond this are not copied.
constexpr std::int64_t kMaxElements = std::int64_t{1} << 29;

constexpr std::int64_t kRowsOfThread = 4;            // at least
constexpr std::int64_t kElementsOfThread = 1 << 16;  // of a matrix, at least

/// A matrix W [columns, k] in panels.
struct Matrix {
  std::int64_t columns = 0, k = 0;
  at::Tensor packed;

  explicit Matrix(const Weight& weight) : columns(weight.value.size(0)), k(weight.value.size(1)) {
    const auto kernels = kernels::row_product_kernels();
    packed = at::empty({panels() * kernels.panel * k}, at::kFloat);
    const at::Tensor value = weight.value.contiguous();
    at::parallel_for(0, panels(), grain(), [&](std::int64_t begin, std::int64_t end) {
      kernels.pack(data<float>(value), columns, k, mutable_data<float>(packed), begin, end);
    });
  }

  std::int64_t panels() const {
    const std::int64_t width = kernels::row_product_kernels().panel;
    return (columns + width - 1) / width;
  }
  std::int64_t grain() const {
    return std::max<std::int64_t>(1,
                                  kElementsOfThread / (kernels::row_product_kernels().panel * k));
  }

  /// y = x W^T; runs on one thread inside a parallel region.
  void multiply(const float* x, float* y, std::int64_t rows) const {
    const auto kernels = kernels::row_product_kernels();
    const auto* weights = data<float>(packed);
    at::parallel_for(0, panels(), grain(), [&](std::int64_t begin, std::int64_t end) {
      kernels.multiply(x, rows, k, weights, y, columns, begin, end);
    });
  }
};

struct StepLayer {
  StepLayer(const Decoder& decoder, const LayerWeights& weights);

  kernels::Norm input_norm, post_norm;
  Matrix in, out, gate_up, down;
  std::optional<kernels::HeadLayout> heads;   // full attention; cos and sin are for the caller
  std::optional<kernels::DeltaLayout> delta;  // linear attention
  kernels::Norm delta_norm{};
  at::Tensor taps;  // [kernel, C], which delta points to
};

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

StepLayer::StepLayer(const Decoder& decoder, const LayerWeights& weights)
    : input_norm(
          kernel_norm(weights.input_norm, decoder.norm_style(), decoder.config().hidden_size)),
      post_norm(kernel_norm(weights.post_norm, decoder.norm_style(), decoder.config().hidden_size)),
      in(weights.delta ? weights.delta->in : weights.attention->in),
      out(weights.delta ? weights.delta->out : weights.attention->out),
      gate_up(weights.gate_up),
      down(weights.down) {
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

/// What the layers read and write. Threads work on rows of their own in memory of their own.
class Activations {
 public:
  struct Rows {
    float *x, *residual, *sum, *normed;  // [rows, hidden]
    float* projection;                   // [rows, columns of in or of gate_up]
    float *q, *k, *v, *g, *beta;         // of attention or of the delta rule
    float* gate;                         // their output gate
    float* o;                            // what they give
    float* y;                            // [rows, k of out or of down]
  };

  Activations(const ModelConfig& config, std::int64_t rows) {
    const std::int64_t heads = config.attention_heads * config.head_dim;
    const std::int64_t key_values = config.key_value_heads * config.head_dim;
    projection_ = std::max(2 * config.intermediate_size, 2 * heads + 2 * key_values);
    mixed_ = heads;
    if (config.linear_attention) {
      const LinearAttentionConfig& linear = *config.linear_attention;
      per_head_ = linear.value_heads;
      projection_ = std::max(projection_, linear.conv_dim() + linear.value_dim() + 2 * per_head_);
      mixed_ = std::max({mixed_, linear.value_dim(), linear.key_dim()});
    }
    hidden_ = config.hidden_size;
    y_ = std::max(mixed_, config.intermediate_size);
    row_size_ = 4 * hidden_ + projection_ + 5 * mixed_ + 2 * per_head_ + y_;
    memory_ = at::empty({rows * row_size_}, at::kFloat);
  }

  /// Memory for rows [begin, begin + count).
  Rows rows(std::int64_t begin, std::int64_t count) const {
    float* next = mutable_data<float>(memory_) + begin * row_size_;
    const auto take = [&](std::int64_t width) { return std::exchange(next, next + count * width); };
    return {.x = take(hidden_),
            .residual = take(hidden_),
            .sum = take(hidden_),
            .normed = take(hidden_),
            .projection = take(projection_),
            .q = take(mixed_),
            .k = take(mixed_),
            .v = take(mixed_),
            .g = take(per_head_),
            .beta = take(per_head_),
            .gate = take(mixed_),
            .o = take(mixed_),
            .y = take(y_)};
  }

 private:
  std::int64_t hidden_, projection_, mixed_, per_head_ = 0, y_, row_size_;
  at::Tensor memory_;
};

std::int64_t matrix_elements(const Decoder& decoder) {
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

class StepDecoder::Impl {
 public:
  Impl(const Decoder& decoder, DecoderCache& cache, std::int64_t cached_elements)
      : decoder_(decoder),
        cache_(cache),
        divides_rows_(matrix_elements(decoder) <= cached_elements),
        final_norm_(kernel_norm(decoder.final_norm_weight(), decoder.norm_style(),
                                decoder.config().hidden_size)),
        head_(decoder.head()),
        rope_(rope_tables(decoder.config().rope, at::arange(cache.max_tokens(), at::kLong))),
        activations_(decoder.config(), cache.slots()),
        logits_(at::empty({cache.slots(), decoder.config().vocab_size}, at::kFloat)) {
    for (std::size_t i = 0; i < decoder.layer_count(); ++i)
      layers_.emplace_back(decoder, decoder.weights(i));
  }

  std::span<const float> step(std::span<const std::int64_t> slots,
                              std::span<const TokenId> tokens) {
    slots_ = slots;
    tokens_ = tokens;
    for (const std::int64_t slot : slots)
      POLARIS_CHECK(cache_.length(slot) < cache_.max_tokens(), "slot {} is full", slot);
    const std::int64_t rows = std::ssize(slots);
    if (divides_rows_) {
      const std::int64_t threads = at::get_num_threads();
      at::parallel_for(0, rows, std::max(kRowsOfThread, (rows + threads - 1) / threads),
                       [&](std::int64_t begin, std::int64_t end) { run(begin, end - begin); });
    } else {
      run(0, rows);
    }
    for (const std::int64_t slot : slots) cache_.advance(slot, 1);
    return {data<float>(logits_), static_cast<std::size_t>(rows * logits_.size(1))};
  }

 private:
  using Rows = Activations::Rows;

  /// Everything for `count` rows of the step from `begin` on.
  void run(std::int64_t begin, std::int64_t count) {
    const Rows rows = activations_.rows(begin, count);
    const auto norm = kernels::norm_kernels().f32;
    const std::int64_t hidden = decoder_.config().hidden_size;
    const std::int64_t inner = decoder_.config().intermediate_size;
    const auto* embedding = data<float>(decoder_.embedding().value);
    for (std::int64_t r = 0; r < count; ++r)
      std::copy_n(embedding + tokens_[begin + r] * hidden, hidden, rows.x + r * hidden);
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      const StepLayer& layer = layers_[i];
      norm.forward(layer.input_norm, rows.x, rows.normed, 0, count);
      layer.in.multiply(rows.normed, rows.projection, count);
      if (layer.delta) {
        recur(layer, cache_.layer(i), rows, begin, count);
      } else {
        attend(layer, cache_.layer(i), rows, begin, count);
      }
      layer.out.multiply(rows.y, rows.residual, count);
      norm.add_forward(layer.post_norm, rows.x, rows.residual, rows.sum, rows.normed, 0, count);
      layer.gate_up.multiply(rows.normed, rows.projection, count);
      kernels::gate_kernels().f32.silu_mul(rows.projection, rows.y, inner, 0, count);
      layer.down.multiply(rows.y, rows.residual, count);
      for (std::int64_t j = 0; j < count * hidden; ++j) rows.x[j] = rows.sum[j] + rows.residual[j];
    }
    norm.forward(final_norm_, rows.x, rows.normed, 0, count);
    head_.multiply(rows.normed, mutable_data<float>(logits_) + begin * logits_.size(1), count);
  }

  /// Full attention: keys and values go to the cache, what is read from it to rows.y.
  void attend(const StepLayer& layer, const LayerCache& cache, const Rows& rows, std::int64_t begin,
              std::int64_t count) {
    kernels::HeadLayout heads = *layer.heads;
    const std::int64_t half = rope_.cos.size(1);
    heads.rotary_dims = 2 * half;
    const auto split = kernels::attention_inputs_kernels().f32.forward;
    const std::int64_t width = heads.heads * heads.head_dim;
    const std::int64_t token = heads.kv_heads * heads.head_dim;
    // Threads take rows where they do not have rows of their own anyway.
    at::parallel_for(0, count, 1, [&](std::int64_t first, std::int64_t last) {
      std::vector<float> scores;
      kernels::HeadLayout of_row = heads;
      for (std::int64_t r = first; r < last; ++r) {
        const std::int64_t slot = slots_[begin + r], position = cache_.length(slot);
        float* keys = mutable_data<float>(cache.keys) + slot * cache_.max_tokens() * token;
        float* values = mutable_data<float>(cache.values) + slot * cache_.max_tokens() * token;
        of_row.cos = data<float>(rope_.cos) + position * half;
        of_row.sin = data<float>(rope_.sin) + position * half;
        float* q = rows.q + r * width;
        split(of_row, rows.projection + r * layer.in.columns, layer.in.columns,
              {.q = q,
               .k = keys + position * token,
               .v = values + position * token,
               .gate = heads.has_gate ? rows.gate + r * width : nullptr},
              0, 1);
        attend_row(heads, position, q, keys, values, rows.o + r * width, scores);
      }
    });
    if (heads.has_gate) {
      kernels::gate_kernels().f32.sigmoid_mul(rows.o, rows.gate, rows.y, 0, count * width);
    } else {
      std::copy_n(rows.o, count * width, rows.y);
    }
  }

  /// One query per head, at `position`, and the keys before it and its own.
  void attend_row(const kernels::HeadLayout& heads, std::int64_t position, const float* q,
                  const float* keys, const float* values, float* o,
                  std::vector<float>& scores) const {
    const auto attention = kernels::decode_attention_kernels();
    const std::int64_t seen = std::min(position + 1, decoder_.config().sliding_window.value_or(
                                                         std::numeric_limits<std::int64_t>::max()));
    const std::int64_t group = heads.heads / heads.kv_heads;
    const std::int64_t stride =
        (seen + kernels::kTileWidth - 1) / kernels::kTileWidth * kernels::kTileWidth;
    const kernels::DecodeAttention shape{.group = group,
                                         .head_dim = heads.head_dim,
                                         .keys = seen,
                                         .key_stride = heads.kv_heads * heads.head_dim,
                                         .score_stride = stride};
    scores.resize(static_cast<std::size_t>(group * (stride + 2)));
    float* inverse_sums = scores.data() + group * stride;
    const std::int64_t first_key = (position + 1 - seen) * shape.key_stride;
    for (std::int64_t h = 0; h < heads.kv_heads; ++h) {
      const std::int64_t from = first_key + h * heads.head_dim;
      const std::int64_t query = h * group * heads.head_dim;
      attention.score(shape, q + query, keys + from, scores.data());
      kernels::softmax_kernels().attention_tile(
          {.queries = 1,
           .group = group,
           .keys = seen,
           .stride = stride,
           .first_end = seen,
           .window = seen,
           .scale = static_cast<float>(decoder_.attention_scale())},
          scores.data(), inverse_sums, inverse_sums + group);
      attention.sum_values(shape, scores.data(), inverse_sums, values + from, o + query);
    }
  }

  /// Linear attention: state and convolution rows in the cache move on; its output is in rows.y.
  void recur(const StepLayer& layer, const LayerCache& cache, const Rows& rows, std::int64_t begin,
             std::int64_t count) {
    const kernels::DeltaLayout& shape = *layer.delta;
    const auto prepare = kernels::delta_inputs_kernels().f32.forward;
    const std::int64_t channels = kernels::channels(shape), columns = layer.in.columns;
    const std::int64_t keys = kernels::key_columns(shape), values = kernels::value_columns(shape);
    const std::int64_t history_size = (shape.taps - 1) * channels;
    at::parallel_for(0, count, 1, [&](std::int64_t first, std::int64_t last) {
      std::vector<float> scratch(static_cast<std::size_t>(channels));
      for (std::int64_t r = first; r < last; ++r) {
        float* history = mutable_data<float>(cache.conv) + slots_[begin + r] * history_size;
        const float* projection = rows.projection + r * columns;
        prepare(shape, projection, columns,
                {.begin = 0, .end = 1, .first = 0, .behind = 1, .history = history},
                {.q = rows.q + r * keys,
                 .k = rows.k + r * keys,
                 .v = rows.v + r * values,
                 .g = rows.g + r * shape.value_heads,
                 .beta = rows.beta + r * shape.value_heads,
                 .z = rows.gate + r * values},
                scratch.data());
        std::copy(history + channels, history + history_size, history);
        std::copy_n(projection, channels, history + history_size - channels);
      }
      const kernels::FlushDenormals flush;
      const kernels::DeltaTokens<float> tokens{.key_heads = shape.key_heads,
                                               .value_heads = shape.value_heads,
                                               .key_size = shape.key_dim,
                                               .value_size = shape.value_dim,
                                               .scale = static_cast<float>(decoder_.delta_scale()),
                                               .q = rows.q,
                                               .k = rows.k,
                                               .key_stride = keys,
                                               .v = rows.v,
                                               .value_stride = values,
                                               .g = rows.g,
                                               .beta = rows.beta,
                                               .o = rows.o};
      kernels::delta_step(tokens, mutable_data<float>(cache.state), slots_.data() + begin,
                          first * shape.value_heads, last * shape.value_heads);
      kernels::norm_kernels().f32.gated_forward(layer.delta_norm, rows.o, rows.gate, rows.y,
                                                first * shape.value_heads,
                                                last * shape.value_heads);
    });
  }

  const Decoder& decoder_;
  DecoderCache& cache_;
  bool divides_rows_;
  std::vector<StepLayer> layers_;
  kernels::Norm final_norm_;
  Matrix head_;
  RopeTables rope_;  // of all positions
  Activations activations_;
  at::Tensor logits_;                    // [slots, vocab]
  std::span<const std::int64_t> slots_;  // of a step
  std::span<const TokenId> tokens_;      // likewise
};

bool StepDecoder::serves(const Decoder& decoder) {
  const at::Tensor& head = decoder.head().value;
  return head.is_cpu() && head.scalar_type() == at::kFloat &&
         matrix_elements(decoder) <= kMaxElements;
}

StepDecoder::StepDecoder(const Decoder& decoder, DecoderCache& cache,
                         std::int64_t cached_elements) {
  const c10::NoGradGuard no_graph;
  impl_ = std::make_unique<Impl>(decoder, cache, cached_elements);
}

StepDecoder::~StepDecoder() = default;

std::span<const float> StepDecoder::step(std::span<const std::int64_t> slots,
                                         std::span<const TokenId> tokens) {
  return impl_->step(slots, tokens);
}

}  // namespace polaris::nn
