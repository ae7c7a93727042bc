#include <ATen/ops/empty.h>

#include <algorithm>
#include <vector>

#include "nn/internal/delta_inputs.h"
#include "nn/internal/fused.h"
#include "nn/internal/row_ops.h"
#include "nn/kernels/delta_inputs_kernels.h"

namespace polaris::nn {
namespace {

/// The arguments of the fused form, as both directions need them.
struct Call {
  at::Tensor x;  ///< the projection, detached; rows may lie apart
  DeltaInputWeights weights;
  LinearAttentionConfig config;
  PackedSequences sequences;
  at::Tensor history;  ///< [N, kernel - 1, C]
  at::Tensor taps;     ///< [kernel, C]
};

/// Calls work(index, rows, scratch) for every block of rows; blocks end with their sequence.
/// @param scratch_rows  of [C] that a call may write to
template <class T, class Work>
void for_blocks(const Call& call, std::int64_t scratch_rows, const Work& work) {
  const std::int64_t channels = call.config.conv_dim();
  std::vector<kernels::DeltaRows<T>> blocks;
  for (std::int64_t n = 0; n < call.sequences.count(); ++n) {
    const std::int64_t first = call.sequences.begin(n);
    const std::int64_t behind = first + call.sequences.length(n);
    for (std::int64_t begin = first; begin < behind; begin += kRowBlock)
      blocks.push_back({.begin = begin,
                        .end = std::min(begin + kRowBlock, behind),
                        .first = first,
                        .behind = behind,
                        .history = data<T>(call.history[n])});
  }
  for_rows(std::ssize(blocks), kRowBlock * call.x.size(1),
           [&](std::int64_t begin, std::int64_t end) {
             std::vector<float> scratch(scratch_rows * channels);
             for (std::int64_t i = begin; i < end; ++i) work(i, blocks[i], scratch.data());
           });
}

std::int64_t block_count(const PackedSequences& sequences) {
  std::int64_t count = 0;
  for (std::int64_t n = 0; n < sequences.count(); ++n) count += row_blocks(sequences.length(n));
  return count;
}

kernels::DeltaLayout kernel_layout(const Call& call) {
  return {.key_heads = call.config.key_heads,
          .value_heads = call.config.value_heads,
          .key_dim = call.config.key_head_dim,
          .value_dim = call.config.value_head_dim,
          .taps = call.config.conv_kernel,
          .conv = data<float>(call.taps),
          .a_log = data<float>(call.weights.a_log.value),
          .dt_bias = data<float>(call.weights.dt_bias.value)};
}

DeltaInputs forward(const Call& call) {
  const LinearAttentionConfig& config = call.config;
  const auto make = [&](std::int64_t heads, std::int64_t dim, at::ScalarType type) {
    return at::empty({call.x.size(0), heads, dim}, type);
  };
  DeltaInputs out{.q = make(config.key_heads, config.key_head_dim, at::kFloat),
                  .k = make(config.key_heads, config.key_head_dim, at::kFloat),
                  .v = make(config.value_heads, config.value_head_dim, at::kFloat),
                  .g = at::empty({call.x.size(0), config.value_heads}, at::kFloat),
                  .beta = at::empty({call.x.size(0), config.value_heads}, at::kFloat),
                  .z = make(config.value_heads, config.value_head_dim, call.x.scalar_type())};
  with_row_type(call.x, [&]<class T>(T) {
    const auto kernel = kernels::delta_inputs_kernels().of<T>().forward;
    const kernels::DeltaLayout layout = kernel_layout(call);
    const kernels::DeltaTensors<float, T> results{.q = mutable_data<float>(out.q),
                                                  .k = mutable_data<float>(out.k),
                                                  .v = mutable_data<float>(out.v),
                                                  .g = mutable_data<float>(out.g),
                                                  .beta = mutable_data<float>(out.beta),
                                                  .z = mutable_data<T>(out.z)};
    for_blocks<T>(call, /*scratch_rows=*/1,
                  [&](std::int64_t /*index*/, const kernels::DeltaRows<T>& rows, float* scratch) {
                    kernel(layout, data<T>(call.x), call.x.stride(0), rows, results, scratch);
                  });
  });
  return out;
}

/// @param upstream  gradients of q, k, v, g, beta, z
at::Tensor backward(const Call& call, const Tensors& upstream) {
  const std::int64_t channels = call.config.conv_dim(), heads = call.config.value_heads;
  const std::int64_t taps = call.config.conv_kernel;
  at::Tensor dx = at::empty(call.x.sizes(), call.x.options());
  const BlockSums dweights(block_count(call.sequences), taps * channels + 2 * heads);
  with_row_type(call.x, [&]<class T>(T) {
    const auto kernel = kernels::delta_inputs_kernels().of<T>().backward;
    const kernels::DeltaLayout layout = kernel_layout(call);
    const kernels::DeltaTensors<const float, const T> gradients{.q = data<float>(upstream[0]),
                                                                .k = data<float>(upstream[1]),
                                                                .v = data<float>(upstream[2]),
                                                                .g = data<float>(upstream[3]),
                                                                .beta = data<float>(upstream[4]),
                                                                .z = data<T>(upstream[5])};
    for_blocks<T>(
        call, taps + 1, [&](std::int64_t index, const kernels::DeltaRows<T>& rows, float* scratch) {
          float* sums = dweights.block(index);
          const kernels::DeltaWeightGradients own{.conv = sums,
                                                  .a_log = sums + taps * channels,
                                                  .dt_bias = sums + taps * channels + heads};
          kernel(layout, data<T>(call.x), call.x.stride(0), rows, gradients, mutable_data<T>(dx),
                 own, scratch);
        });
  });
  const at::Tensor total = dweights.total();
  add_gradient(call.weights.conv, total.narrow(0, 0, taps * channels).view({taps, channels}).t());
  add_gradient(call.weights.a_log, total.narrow(0, taps * channels, heads));
  add_gradient(call.weights.dt_bias, total.narrow(0, taps * channels + heads, heads));
  return dx;
}

}  // namespace

DeltaInputs fused::delta_inputs(const at::Tensor& projection, const DeltaInputWeights& weights,
                                const LinearAttentionConfig& config,
                                const PackedSequences& sequences, const at::Tensor& conv_state) {
  const Call call{.x = with_dense_rows(projection.detach()),
                  .weights = weights,
                  .config = config,
                  .sequences = sequences,
                  .history = rows_before(projection, config, sequences, conv_state),
                  .taps = weights.conv.value.select(1, 0).t().contiguous()};
  const DeltaInputs out = forward(call);
  const Tensors results =
      record({projection}, {out.q, out.k, out.v, out.g, out.beta, out.z},
             [call](const Tensors& upstream) -> Tensors { return {backward(call, upstream)}; });
  return {.q = results[0],
          .k = results[1],
          .v = results[2],
          .g = results[3],
          .beta = results[4],
          .z = results[5]};
}

}  // namespace polaris::nn
