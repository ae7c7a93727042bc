#include "nn/internal/step_decoder.h"

#include <ATen/Parallel.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <limits>

#include "base/error.h"
#include "nn/internal/row_ops.h"
#include "nn/internal/step_activations.h"
#include "nn/kernels/decode_attention_kernels.h"
#include "nn/kernels/delta_recurrence.h"
#include "nn/kernels/flush_denormals.h"
#include "nn/kernels/gate_kernels.h"
#include "nn/kernels/softmax_kernels.h"

namespace polaris::nn {
namespace {

constexpr std::int64_t kRowsOfThread = 4;  // at least

}  // namespace

class StepDecoder::Impl {
 public:
  Impl(const PackedDecoder& packed, DecoderCache& cache, std::int64_t cached_bytes)
      : packed_(packed),
        decoder_(packed.decoder()),
        cache_(cache),
        divides_rows_(packed.bytes() <= cached_bytes),
        rope_(rope_tables(decoder_.config().rope, at::arange(cache.max_tokens(), at::kLong))),
        activations_(decoder_.config(), cache.slots()),
        logits_(at::empty({cache.slots(), decoder_.config().vocab_size}, at::kFloat)) {}

  std::span<float> step(std::span<const std::int64_t> slots, std::span<const TokenId> tokens) {
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
    return {mutable_data<float>(logits_), static_cast<std::size_t>(rows * logits_.size(1))};
  }

 private:
  using Rows = StepActivations::Rows;

  /// Everything for `count` rows of the step from `begin` on.
  void run(std::int64_t begin, std::int64_t count) {
    const Rows rows = activations_.rows(begin, count);
    const auto norm = kernels::norm_kernels().f32;
    const std::int64_t hidden = decoder_.config().hidden_size;
    const std::int64_t inner = decoder_.config().intermediate_size;
    embed(rows, begin, count);
    for (std::size_t i = 0; i < packed_.layers().size(); ++i) {
      const PackedLayer& layer = packed_.layers()[i];
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
    norm.forward(packed_.final_norm(), rows.x, rows.normed, 0, count);
    packed_.head().multiply(rows.normed, mutable_data<float>(logits_) + begin * logits_.size(1),
                            count);
  }

  void embed(const Rows& rows, std::int64_t begin, std::int64_t count) const {
    const std::int64_t hidden = decoder_.config().hidden_size;
    const at::Tensor& table = decoder_.embedding().value;
    with_row_type(table, [&](auto type) {
      for (std::int64_t r = 0; r < count; ++r) {
        const auto* row = data<decltype(type)>(table) + tokens_[begin + r] * hidden;
        for (std::int64_t i = 0; i < hidden; ++i) rows.x[r * hidden + i] = kernels::load(row[i]);
      }
    });
  }

  /// Full attention: keys and values go to the cache, what is read from it to rows.y.
  void attend(const PackedLayer& layer, const LayerCache& cache, const Rows& rows,
              std::int64_t begin, std::int64_t count) {
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
        split(of_row, rows.projection + r * layer.in.columns(), layer.in.columns(),
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
  void recur(const PackedLayer& layer, const LayerCache& cache, const Rows& rows,
             std::int64_t begin, std::int64_t count) {
    const kernels::DeltaLayout& shape = *layer.delta;
    const auto prepare = kernels::delta_inputs_kernels().f32.forward;
    const std::int64_t channels = kernels::channels(shape), columns = layer.in.columns();
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

  const PackedDecoder& packed_;
  const Decoder& decoder_;
  DecoderCache& cache_;
  bool divides_rows_;
  RopeTables rope_;  // of all positions
  StepActivations activations_;
  at::Tensor logits_;                    // [slots, vocab]
  std::span<const std::int64_t> slots_;  // of a step
  std::span<const TokenId> tokens_;      // likewise
};

StepDecoder::StepDecoder(const PackedDecoder& packed, DecoderCache& cache,
                         std::int64_t cached_bytes) {
  const c10::NoGradGuard no_graph;
  impl_ = std::make_unique<Impl>(packed, cache, cached_bytes);
}

StepDecoder::~StepDecoder() = default;

std::span<float> StepDecoder::step(std::span<const std::int64_t> slots,
                                   std::span<const TokenId> tokens) {
  return impl_->step(slots, tokens);
}

}  // namespace polaris::nn
