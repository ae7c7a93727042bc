#include "nn/internal/delta_inputs.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/softplus.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <vector>

#include "base/error.h"
#include "nn/internal/row_ops.h"

namespace polaris::nn {

namespace composite {
namespace {

constexpr double kL2Epsilon = 1e-6;

at::Tensor l2_normalised(const at::Tensor& x) {
  return x * (x.square().sum(-1, /*keepdim=*/true) + kL2Epsilon).rsqrt();
}

/// For every token, the row of [history of all sequences | all tokens] that is `back` behind it.
at::Tensor rows_behind(const PackedSequences& sequences, std::int64_t before, std::int64_t back) {
  std::vector<std::int64_t> rows;
  for (std::int64_t n = 0; n < sequences.count(); ++n) {
    for (std::int64_t t = -back; t < sequences.length(n) - back; ++t) {
      rows.push_back(t < 0 ? (n + 1) * before + t
                           : sequences.count() * before + sequences.begin(n) + t);
    }
  }
  return at::tensor(rows, at::kLong);
}

}  // namespace

DeltaInputs delta_inputs(const at::Tensor& projection, const DeltaInputWeights& weights,
                         const LinearAttentionConfig& config, const PackedSequences& sequences,
                         const at::Tensor& conv_state) {
  std::int64_t column = 0;
  const auto next = [&](std::int64_t columns) {
    column += columns;
    return projection.narrow(1, column - columns, columns);
  };
  const at::Tensor m = next(config.conv_dim());
  const at::Tensor z = next(config.value_dim());
  const at::Tensor b = wide(next(config.value_heads)), a = wide(next(config.value_heads));

  const std::int64_t before = config.conv_kernel - 1;
  const at::Tensor rows =
      wide(at::cat({rows_before(projection, config, sequences, conv_state).flatten(0, 1), m}));
  const at::Tensor taps = leaf(weights.conv);
  at::Tensor c;
  for (std::int64_t j = 0; j < config.conv_kernel; ++j) {
    const at::Tensor index = rows_behind(sequences, before, before - j).to(m.device());
    const at::Tensor tap = at::index_select(rows, 0, index) * taps.select(2, j).select(1, 0);
    c = c.defined() ? c + tap : tap;
  }
  c = c * c.sigmoid();

  const auto heads = [&](const at::Tensor& x, std::int64_t first, std::int64_t count,
                         std::int64_t dim) {
    return x.narrow(1, first, count * dim).unflatten(1, {count, dim});
  };
  const std::int64_t keys = config.key_dim();
  return {.q = l2_normalised(heads(c, 0, config.key_heads, config.key_head_dim)),
          .k = l2_normalised(heads(c, keys, config.key_heads, config.key_head_dim)),
          .v = heads(c, 2 * keys, config.value_heads, config.value_head_dim),
          .g = -leaf(weights.a_log).exp() * at::softplus(a + leaf(weights.dt_bias)),
          .beta = b.sigmoid(),
          .z = heads(z, 0, config.value_heads, config.value_head_dim)};
}

}  // namespace composite

DeltaInputs delta_inputs(const at::Tensor& projection, const DeltaInputWeights& weights,
                         const LinearAttentionConfig& config, const PackedSequences& sequences,
                         const at::Tensor& conv_state) {
  const std::int64_t columns = config.conv_dim() + config.value_dim() + 2 * config.value_heads;
  POLARIS_CHECK(projection.size(0) == sequences.tokens() && projection.size(1) == columns,
                "a projection [{}, {}] where [{}, {}] is needed", projection.size(0),
                projection.size(1), sequences.tokens(), columns);
  const at::IntArrayRef conv = weights.conv.value.sizes();
  POLARIS_CHECK(conv.size() == 3 && conv[0] == config.conv_dim() && conv[1] == 1 &&
                    conv[2] == config.conv_kernel &&
                    weights.a_log.value.numel() == config.value_heads &&
                    weights.dt_bias.value.numel() == config.value_heads,
                "weights of another configuration");
  if (gpu::has_delta_inputs(projection, config))
    return gpu::delta_inputs(projection, weights, config, sequences, conv_state);
  return has_row_kernels(projection)
             ? fused::delta_inputs(projection, weights, config, sequences, conv_state)
             : composite::delta_inputs(projection, weights, config, sequences, conv_state);
}

at::Tensor rows_before(const at::Tensor& projection, const LinearAttentionConfig& config,
                       const PackedSequences& sequences, const at::Tensor& conv_state) {
  const std::int64_t before = config.conv_kernel - 1;
  if (!conv_state.defined())
    return at::zeros({sequences.count(), before, config.conv_dim()}, projection.options());
  POLARIS_CHECK(conv_state.size(0) == sequences.count() && conv_state.size(1) == before &&
                    conv_state.size(2) == config.conv_dim() &&
                    conv_state.scalar_type() == projection.scalar_type(),
                "a convolution state of another shape or type");
  return conv_state.detach().contiguous();
}

at::Tensor conv_state_after(const at::Tensor& projection, const LinearAttentionConfig& config,
                            const PackedSequences& sequences, const at::Tensor& conv_state) {
  const at::Tensor m = projection.detach().narrow(1, 0, config.conv_dim());
  const at::Tensor before = rows_before(projection, config, sequences, conv_state);
  const std::int64_t count = config.conv_kernel - 1;
  at::Tensor after = at::zeros(before.sizes(), before.options());
  for (std::int64_t n = 0; n < sequences.count(); ++n) {
    const std::int64_t fresh = std::min(sequences.length(n), count), old = count - fresh;
    const at::Tensor rows = after[n];
    rows.narrow(0, 0, old).copy_(before[n].narrow(0, fresh, old));
    rows.narrow(0, old, fresh)
        .copy_(m.narrow(0, sequences.begin(n) + sequences.length(n) - fresh, fresh));
  }
  return after;
}

}  // namespace polaris::nn
