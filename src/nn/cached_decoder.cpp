#include "nn/internal/cached_decoder.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <numeric>

#include "base/error.h"
#include "nn/internal/attention.h"
#include "nn/internal/delta_rule.h"
#include "nn/internal/gates.h"
#include "nn/internal/linear.h"
#include "nn/kernels/delta_recurrence.h"
#include "nn/kernels/flush_denormals.h"

namespace polaris::nn {
namespace {

/// x W^T on rows padded to a multiple of 8.
at::Tensor product(const at::Tensor& x, const Weight& weight, at::ScalarType type) {
  constexpr std::int64_t kRows = 8;
  const std::int64_t rows = x.size(0);
  const std::int64_t padded = (rows + kRows - 1) / kRows * kRows;
  at::Tensor input = x;
  if (padded != rows) {
    input = at::zeros({padded, x.size(1)}, x.options());
    input.narrow(0, 0, rows).copy_(x);
  }
  const at::Tensor y = at::empty({padded, weight.value.size(0)}, x.options().dtype(type));
  project(y, input, weight);
  return y.narrow(0, 0, rows);
}

at::Tensor product(const at::Tensor& x, const Weight& weight) {
  return product(x, weight, x.scalar_type());
}

/// One call of extend(): what its layers share.
class Extension {
 public:
  Extension(const Decoder& decoder, DecoderCache& cache, std::span<const CachePiece> pieces)
      : decoder_(decoder), cache_(cache), sequences_(lengths_of(pieces)) {
    std::vector<TokenId> tokens;
    std::vector<std::int64_t> positions;
    for (const CachePiece& piece : pieces) {
      tokens.insert(tokens.end(), piece.tokens.begin(), piece.tokens.end());
      past_.push_back(cache.length(piece.slot));
      slots_.push_back(piece.slot);
      for (std::size_t i = 0; i < piece.tokens.size(); ++i)
        positions.push_back(past_.back() + static_cast<std::int64_t>(i));
    }
    const at::Device device = decoder.head().value.device();
    tokens_ =
        at::tensor(std::vector<std::int64_t>(tokens.begin(), tokens.end()), at::kLong).to(device);
    slot_index_ = at::tensor(slots_, at::kLong).to(device);
    rope_ = rope_tables(decoder.config().rope, at::tensor(positions, at::kLong).to(device));
    steps_only_ = sequences_.max_length() == 1;
    if (decoder.config().linear_attention && !steps_only_) plan_.emplace(sequences_, device);
  }

  at::Tensor run() {
    at::Tensor x = decoder_.embed(tokens_);
    for (std::size_t i = 0; i < decoder_.layer_count(); ++i) x = layer(i, x);
    for (std::size_t i = 0; i < slots_.size(); ++i)
      cache_.advance(slots_[i], sequences_.length(static_cast<std::int64_t>(i)));
    std::vector<std::int64_t> last;
    for (std::int64_t i = 0; i < sequences_.count(); ++i)
      last.push_back(sequences_.begin(i) + sequences_.length(i) - 1);
    return decoder_.final_norm(at::index_select(x, 0, at::tensor(last, at::kLong).to(x.device())));
  }

 private:
  static std::vector<std::int64_t> lengths_of(std::span<const CachePiece> pieces) {
    std::vector<std::int64_t> lengths;
    for (const CachePiece& piece : pieces)
      lengths.push_back(static_cast<std::int64_t>(piece.tokens.size()));
    return lengths;
  }

  at::Tensor layer(std::size_t index, const at::Tensor& x) {
    const LayerWeights& weights = decoder_.weights(index);
    const LayerCache& cache = cache_.layer(index);
    const at::Tensor normed = rms_norm(x, weights.input_norm, decoder_.norm_style());
    const at::Tensor mixed =
        weights.delta ? mix(*weights.delta, normed, cache) : mix(*weights.attention, normed, cache);
    const NormedSum h = add_rms_norm(x, mixed, weights.post_norm, decoder_.norm_style());
    return h.sum.add(product(silu_mul(product(h.normed, weights.gate_up)), weights.down));
  }

  at::Tensor mix(const AttentionWeights& weights, const at::Tensor& x, const LayerCache& cache) {
    const AttentionInputs inputs =
        attention_inputs(product(x, weights.in), decoder_.attention_layout(), weights.norms, rope_);
    const at::Tensor o = at::empty_like(inputs.q);
    // FlashAttention, which is on GPUs only, takes nothing wider than bfloat16.
    const auto operand = [&](const at::Tensor& t) {
      return x.is_cuda() ? t.to(x.scalar_type()) : t;
    };
    for (std::int64_t i = 0; i < sequences_.count(); ++i) {
      const std::int64_t begin = sequences_.begin(i), count = sequences_.length(i);
      const std::int64_t past = past_[i];
      const auto fill = [&](const at::Tensor& slab, const at::Tensor& rows) {
        const at::Tensor sequence = slab.select(0, slots_[i]).narrow(0, 0, past + count);
        sequence.narrow(0, past, count).copy_(rows.narrow(0, begin, count));
        return operand(sequence.to(rows.scalar_type()));
      };
      const at::Tensor keys = fill(cache.keys, inputs.k);
      const at::Tensor values = fill(cache.values, inputs.v);
      o.narrow(0, begin, count)
          .copy_(cached_attention(operand(inputs.q.narrow(0, begin, count)), keys, values, past,
                                  decoder_.config().sliding_window, decoder_.attention_scale()));
    }
    return product(gate_attention(o, inputs.gate, x.scalar_type()), weights.out);
  }

  at::Tensor mix(const DeltaWeights& weights, const at::Tensor& x, const LayerCache& cache) {
    const LinearAttentionConfig& shape = *decoder_.config().linear_attention;
    const at::Tensor projection = product(x, weights.in);
    const at::Tensor conv =
        at::index_select(cache.conv, 0, slot_index_).to(projection.scalar_type());
    const DeltaInputs inputs = delta_inputs(projection, weights.inputs, shape, sequences_, conv);
    at::Tensor rows = cache.conv;
    rows.index_copy_(0, slot_index_,
                     conv_state_after(projection, shape, sequences_, conv).to(rows.scalar_type()));
    const at::Tensor o = delta(inputs, cache.state);
    return product(gated_rms_norm(o, inputs.z, weights.norm, decoder_.config().rms_norm_eps),
                   weights.out);
  }

  at::Tensor delta(const DeltaInputs& inputs, const at::Tensor& states) {
    if (steps_only_ && states.is_cpu() && states.scalar_type() == at::kFloat)
      return delta_step(inputs, states);
    const DeltaOperands input{.q = inputs.q,
                              .k = inputs.k,
                              .v = inputs.v,
                              .g = inputs.g,
                              .beta = inputs.beta,
                              .h0 = at::index_select(states, 0, slot_index_)};
    const DeltaOutput output = steps_only_
                                   ? delta_recurrence(input, sequences_, decoder_.delta_scale())
                                   : delta_rule(input, *plan_, decoder_.delta_scale());
    at::Tensor slab = states;
    slab.index_copy_(0, slot_index_, output.final_state);
    return output.o;
  }

  /// One token of every sequence, states updated where they are.
  at::Tensor delta_step(const DeltaInputs& inputs, const at::Tensor& states) {
    const LinearAttentionConfig& shape = *decoder_.config().linear_attention;
    const at::Tensor o = at::empty_like(inputs.v);
    const kernels::DeltaTokens<float> rows{.key_heads = shape.key_heads,
                                           .value_heads = shape.value_heads,
                                           .key_size = shape.key_head_dim,
                                           .value_size = shape.value_head_dim,
                                           .scale = static_cast<float>(decoder_.delta_scale()),
                                           .q = inputs.q.const_data_ptr<float>(),
                                           .k = inputs.k.const_data_ptr<float>(),
                                           .key_stride = shape.key_dim(),
                                           .v = inputs.v.const_data_ptr<float>(),
                                           .value_stride = shape.value_dim(),
                                           .g = inputs.g.const_data_ptr<float>(),
                                           .beta = inputs.beta.const_data_ptr<float>(),
                                           .o = o.mutable_data_ptr<float>()};
    auto* state = states.mutable_data_ptr<float>();
    at::parallel_for(0, sequences_.count() * shape.value_heads, 8,
                     [&](std::int64_t begin, std::int64_t end) {
                       const kernels::FlushDenormals flush;
                       kernels::delta_step(rows, state, slots_.data(), begin, end);
                     });
    return o;
  }

  const Decoder& decoder_;
  DecoderCache& cache_;
  PackedSequences sequences_;
  std::vector<std::int64_t> slots_, past_;  // by piece
  at::Tensor tokens_, slot_index_;
  RopeTables rope_;
  bool steps_only_ = false;
  std::optional<DeltaPlan> plan_;
};

}  // namespace

at::Tensor extend(const Decoder& decoder, DecoderCache& cache, std::span<const CachePiece> pieces) {
  const c10::NoGradGuard no_graph;
  for (const CachePiece& piece : pieces) {
    const auto count = static_cast<std::int64_t>(piece.tokens.size());
    POLARIS_CHECK(count > 0 && cache.length(piece.slot) + count <= cache.max_tokens(),
                  "slot {}: {} tokens behind {} of {}", piece.slot, count, cache.length(piece.slot),
                  cache.max_tokens());
  }
  return Extension(decoder, cache, pieces).run();
}

at::Tensor logits(const Decoder& decoder, const at::Tensor& hidden) {
  const c10::NoGradGuard no_graph;
  const auto type = hidden.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
  return product(hidden, decoder.head(), type);
}

}  // namespace polaris::nn
