#include "nn/internal/slot_decoder.h"

#include <ATen/ops/_flash_attention_forward.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/softmax.h>
#include <c10/core/GradMode.h>

#include <limits>

#include "base/error.h"
#include "nn/cuda/decode_delta_blocks.h"
#include "nn/cuda/decode_rows_blocks.h"
#include "nn/internal/cached_decoder.h"
#include "nn/internal/gates.h"
#include "nn/internal/linear.h"
#include "nn/internal/row_ops.h"
#include "nn/internal/run_blocks.h"

namespace polaris::nn {
namespace {

constexpr std::int64_t kMostRowsOfLane = 16;  // that DeltaStep is compiled for

at::Tensor product(const at::Tensor& x, const Weight& weight) {
  const at::Tensor y = at::empty({x.size(0), weight.value.size(0)}, x.options());
  project(y, x, weight);
  return y;
}

const std::int32_t* ints(const at::Tensor& x) { return x.const_data_ptr<std::int32_t>(); }

/// Whether libtorch's FlashAttention takes these queries.
bool has_flash_kernels(const at::Tensor& q) {
  return q.is_cuda() && q.scalar_type() == at::kBFloat16 && q.size(2) % 8 == 0 && q.size(2) <= 256;
}

kernels::DeltaLayout delta_layout(const LinearAttentionConfig& shape, const DeltaWeights& weights) {
  return {.key_heads = shape.key_heads,
          .value_heads = shape.value_heads,
          .key_dim = shape.key_head_dim,
          .value_dim = shape.value_head_dim,
          .taps = shape.conv_kernel,
          .conv = nullptr,
          .a_log = data<float>(weights.inputs.a_log.value),
          .dt_bias = data<float>(weights.inputs.dt_bias.value)};
}

}  // namespace

/// What all layers of a step need to know.
struct SlotDecoder::Rows {
  Rows(const at::Tensor& row_slots, const at::Tensor& states, std::int64_t max_tokens)
      : slots(row_slots),
        tokens(at::empty({count()}, row_slots.options().dtype(at::kLong))),
        positions(at::empty({count()}, row_slots.options())),
        key_begin(at::empty({count() + 1}, row_slots.options())),
        key_count(at::empty({count()}, row_slots.options())) {
    const cuda::BeginStep begin{
        .rows = count(),
        .max_tokens = max_tokens,
        .slots = ints(slots),
        .states = reinterpret_cast<cuda::SlotState*>(states.mutable_data_ptr<std::int32_t>()),
        .tokens = tokens.mutable_data_ptr<std::int64_t>(),
        .positions = positions.mutable_data_ptr<std::int32_t>(),
        .key_begin = key_begin.mutable_data_ptr<std::int32_t>(),
        .key_count = key_count.mutable_data_ptr<std::int32_t>()};
    run_blocks(begin, cuda::BeginStep::blocks(count()), slots);
  }

  std::int64_t count() const { return slots.size(0); }

  at::Tensor slots, tokens, positions, key_begin, key_count;
};

SlotDecoder::SlotDecoder(const Decoder& decoder, const DecoderCache& cache)
    : decoder_(decoder),
      cache_(cache),
      rope_(rope_tables(
          decoder.config().rope,
          at::arange(cache.max_tokens(), decoder.head().value.options().dtype(at::kLong)))) {
  POLARIS_CHECK(supports(decoder.config()), "heads of a size that no kernel has");
  // Attention multiplies what is behind a sequence's end by 0: it must not be a NaN.
  for (std::size_t i = 0; i < decoder.layer_count(); ++i) {
    for (at::Tensor slab : {cache.layer(i).keys, cache.layer(i).values}) {
      if (slab.defined()) slab.zero_();
    }
  }
}

bool SlotDecoder::supports(const ModelConfig& config) {
  using Step = cuda::DeltaStep<float, 1>;
  if (!config.linear_attention) return true;
  const std::int64_t keys = config.linear_attention->key_head_dim;
  const std::int64_t values = config.linear_attention->value_head_dim;
  return values % Step::kColumns == 0 && values <= Step::kMaxValueDim &&
         Step::rows_of_lane(keys, values) <= kMostRowsOfLane;
}

at::Tensor SlotDecoder::step(const at::Tensor& slots, const at::Tensor& states) const {
  const c10::NoGradGuard no_graph;
  const Rows rows(slots, states, cache_.max_tokens());
  at::Tensor x = decoder_.embed(rows.tokens);
  for (std::size_t i = 0; i < decoder_.layer_count(); ++i) {
    const LayerWeights& weights = decoder_.weights(i);
    const at::Tensor normed = rms_norm(x, weights.input_norm, decoder_.norm_style());
    const at::Tensor mixed = weights.delta ? mix(*weights.delta, normed, cache_.layer(i), rows)
                                           : mix(*weights.attention, normed, cache_.layer(i), rows);
    const NormedSum h = add_rms_norm(x, mixed, weights.post_norm, decoder_.norm_style());
    x = h.sum.add(product(silu_mul(product(h.normed, weights.gate_up)), weights.down));
  }
  return logits(decoder_, decoder_.final_norm(x));
}

at::Tensor SlotDecoder::mix(const AttentionWeights& weights, const at::Tensor& x,
                            const LayerCache& cache, const Rows& rows) const {
  const AttentionLayout& layout = decoder_.attention_layout();
  const std::int64_t d = layout.head_dim;
  const at::Tensor projection = product(x, weights.in);
  const at::Tensor q = at::empty({rows.count(), layout.heads, d}, x.options());
  with_row_type(x, [&]<class T>(T) {
    cuda::WriteHeads<T> kernel{.heads = layout.heads,
                               .kv_heads = layout.kv_heads,
                               .head_dim = d,
                               .query_stride = layout.has_gate ? 2 * d : d,
                               .rotary_dims = 2 * rope_.cos.size(1),
                               .has_norms = weights.norms.has_value(),
                               .query_norm = {},
                               .key_norm = {},
                               .cos = data<float>(rope_.cos),
                               .sin = data<float>(rope_.sin),
                               .max_tokens = cache_.max_tokens(),
                               .slots = ints(rows.slots),
                               .positions = ints(rows.positions),
                               .projection = data<T>(projection),
                               .stride = projection.stride(0),
                               .q = mutable_data<T>(q),
                               .keys = mutable_data<T>(cache.keys),
                               .values = mutable_data<T>(cache.values)};
    if (weights.norms) {
      kernel.query_norm = kernel_norm(weights.norms->query, weights.norms->style, d);
      kernel.key_norm = kernel_norm(weights.norms->key, weights.norms->style, d);
    }
    run_blocks(kernel, rows.count() * kernel.items(), x);
  });
  at::Tensor gate;
  if (layout.has_gate)
    gate = projection.narrow(1, 0, layout.query_columns())
               .unflatten(1, {layout.heads, 2 * d})
               .narrow(2, d, d);
  return product(gate_attention(attend(q, cache, rows), gate, x.scalar_type()), weights.out);
}

/// [rows, H, d]: every row's query and the keys that its slot has.
at::Tensor SlotDecoder::attend(const at::Tensor& q, const LayerCache& cache,
                               const Rows& rows) const {
  const auto window = decoder_.config().sliding_window;
  const double scale = decoder_.attention_scale();
  if (has_flash_kernels(q)) {
    const at::Tensor query_begin = at::arange(rows.count() + 1, rows.slots.options());
    const auto left = window ? std::optional(*window - 1) : std::nullopt;
    const auto right = window ? std::optional<std::int64_t>(0) : std::nullopt;
    return std::get<0>(at::_flash_attention_forward(
        q, cache.keys.flatten(0, 1), cache.values.flatten(0, 1), query_begin, rows.key_begin, 1,
        cache_.max_tokens(), /*dropout_p=*/0.0, /*is_causal=*/false, /*return_debug_mask=*/false,
        scale, left, right, rows.key_count));
  }
  const std::int64_t group = q.size(1) / cache.keys.size(2);
  const at::Tensor slots = rows.slots.clamp_min(0);
  const auto heads_first = [&](const at::Tensor& slab) {  // [rows, Hkv, max_tokens, d]
    return at::index_select(slab, 0, slots).to(at::kFloat).transpose(1, 2);
  };
  const at::Tensor queries = q.to(at::kFloat).unflatten(1, {cache.keys.size(2), group});
  const at::Tensor scores = at::matmul(queries, heads_first(cache.keys).transpose(2, 3)).mul(scale);
  const at::Tensor behind =  // how far each key is behind the row's token
      rows.positions.unsqueeze(1).sub(at::arange(cache_.max_tokens(), rows.positions.options()));
  at::Tensor unseen = behind.lt(0);
  if (window) unseen = unseen.logical_or(behind.ge(*window));
  const at::Tensor p = at::softmax(
      scores.masked_fill(unseen.unsqueeze(1).unsqueeze(1), -std::numeric_limits<float>::infinity()),
      -1);
  return at::matmul(p, heads_first(cache.values)).flatten(1, 2);
}

at::Tensor SlotDecoder::mix(const DeltaWeights& weights, const at::Tensor& x,
                            const LayerCache& cache, const Rows& rows) const {
  const LinearAttentionConfig& config = *decoder_.config().linear_attention;
  const kernels::DeltaLayout shape = delta_layout(config, weights);
  const at::Tensor projection = product(x, weights.in);
  const auto floats = x.options().dtype(at::kFloat);
  const at::Tensor mixed = at::empty({rows.count(), config.conv_dim()}, floats);
  const at::Tensor g = at::empty({rows.count(), config.value_heads}, floats);
  const at::Tensor beta = at::empty_like(g);
  const at::Tensor y = at::empty({rows.count(), config.value_dim()}, x.options());
  with_row_type(x, [&]<class T>(T) {
    const cuda::ConvolveToken<T> convolve{.shape = shape,
                                          .conv = data<float>(weights.inputs.conv.value),
                                          .slots = ints(rows.slots),
                                          .projection = data<T>(projection),
                                          .stride = projection.stride(0),
                                          .history = mutable_data<T>(cache.conv),
                                          .mixed = mutable_data<float>(mixed),
                                          .g = mutable_data<float>(g),
                                          .beta = mutable_data<float>(beta)};
    run_blocks(convolve, rows.count() * convolve.items(), x);
    const auto run = [&]<int kRows>() {
      const cuda::DeltaStep<T, kRows> kernel{
          .shape = shape,
          .scale = static_cast<float>(decoder_.delta_scale()),
          .norm = kernel_norm(weights.norm, {.eps = decoder_.config().rms_norm_eps},
                              config.value_head_dim),
          .slots = ints(rows.slots),
          .mixed = data<float>(mixed),
          .g = data<float>(g),
          .beta = data<float>(beta),
          .z = data<T>(projection) + config.conv_dim(),
          .stride = projection.stride(0),
          .states = mutable_data<float>(cache.state),
          .y = mutable_data<T>(y)};
      run_blocks(kernel, rows.count() * config.value_heads, x);
    };
    const std::int64_t needed =
        cuda::DeltaStep<T, 1>::rows_of_lane(config.key_head_dim, config.value_head_dim);
    if (needed <= 1) return run.template operator()<1>();
    if (needed <= 2) return run.template operator()<2>();
    if (needed <= 4) return run.template operator()<4>();
    if (needed <= 8) return run.template operator()<8>();
    run.template operator()<kMostRowsOfLane>();
  });
  return product(y, weights.out);
}

}  // namespace polaris::nn
