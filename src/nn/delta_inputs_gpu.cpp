#include <ATen/ops/empty.h>
#include <ATen/ops/tensor.h>

#include "nn/cuda/delta_inputs_blocks.h"
#include "nn/internal/delta_inputs.h"
#include "nn/internal/fused.h"
#include "nn/internal/row_ops.h"

namespace polaris::nn {
namespace {

/// The arguments, as both directions need them.
struct Call {
  at::Tensor x;  ///< the projection, detached; rows may lie apart
  DeltaInputWeights weights;
  LinearAttentionConfig config;
  std::int64_t sequences;
  at::Tensor ends;     ///< [sequences + 1] int64
  at::Tensor history;  ///< [sequences, kernel - 1, C]
  at::Tensor taps;     ///< [kernel, C]

  /// Some columns of a matrix like the projection as [T, Hv, V]: those of z.
  at::Tensor z_of(const at::Tensor& matrix) const {
    return matrix.narrow(1, config.conv_dim(), config.value_dim())
        .unflatten(1, {config.value_heads, config.value_head_dim});
  }
};

template <class T>
cuda::DeltaSource<T> source(const Call& call) {
  return {.layout = {.key_heads = call.config.key_heads,
                     .value_heads = call.config.value_heads,
                     .key_dim = call.config.key_head_dim,
                     .value_dim = call.config.value_head_dim,
                     .taps = call.config.conv_kernel,
                     .conv = data<float>(call.taps),
                     .a_log = data<float>(call.weights.a_log.value),
                     .dt_bias = data<float>(call.weights.dt_bias.value)},
          .projection = data<T>(call.x),
          .stride = call.x.stride(0),
          .history = data<T>(call.history),
          .ends = call.ends.const_data_ptr<std::int64_t>(),
          .sequences = call.sequences};
}

DeltaInputs forward(const Call& call) {
  const LinearAttentionConfig& config = call.config;
  const auto options = call.x.options().dtype(at::kFloat);
  const std::int64_t rows = call.x.size(0);
  const DeltaInputs out{.q = at::empty({rows, config.key_heads, config.key_head_dim}, options),
                        .k = at::empty({rows, config.key_heads, config.key_head_dim}, options),
                        .v = at::empty({rows, config.value_heads, config.value_head_dim}, options),
                        .g = at::empty({rows, config.value_heads}, options),
                        .beta = at::empty({rows, config.value_heads}, options),
                        .z = call.z_of(call.x).contiguous()};
  with_row_type(call.x, [&]<class T>(T) {
    const cuda::DeltaInputsForward<T> kernel{.from = source<T>(call),
                                             .out = {.q = mutable_data<float>(out.q),
                                                     .k = mutable_data<float>(out.k),
                                                     .v = mutable_data<float>(out.v),
                                                     .g = mutable_data<float>(out.g),
                                                     .beta = mutable_data<float>(out.beta),
                                                     .z = nullptr}};
    run_blocks(kernel, rows * kernel.per_row(), call.x);
  });
  return out;
}

/// @param upstream  gradients of q, k, v, g, beta, z
at::Tensor backward(const Call& call, const Tensors& upstream) {
  const std::int64_t rows = call.x.size(0), heads = call.config.value_heads;
  const std::int64_t channels = call.config.conv_dim(), taps = call.config.conv_kernel;
  const auto options = call.x.options().dtype(at::kFloat);
  at::Tensor dx = at::empty(call.x.sizes(), call.x.options());
  call.z_of(dx).copy_(upstream[5]);
  const at::Tensor dc = at::empty({rows, channels}, options);
  const std::int64_t width = taps * channels + 2 * heads;
  const at::Tensor partials = at::empty({row_blocks(rows), width}, options);
  with_row_type(call.x, [&]<class T>(T) {
    const cuda::DeltaSource<T> from = source<T>(call);
    const kernels::DeltaTensors<const float, const T> gradients{.q = data<float>(upstream[0]),
                                                                .k = data<float>(upstream[1]),
                                                                .v = data<float>(upstream[2]),
                                                                .g = data<float>(upstream[3]),
                                                                .beta = data<float>(upstream[4]),
                                                                .z = nullptr};
    const cuda::DeltaActivationBackward<T> activation{from, gradients, mutable_data<float>(dc)};
    run_blocks(activation, rows * activation.per_row(), call.x);
    static_assert(cuda::DeltaConvBackward<T>::kRows == kRowBlock);
    const cuda::DeltaConvBackward<T> conv{.from = from,
                                          .dc = data<float>(dc),
                                          .rows = rows,
                                          .dprojection = mutable_data<T>(dx),
                                          .partials = mutable_data<float>(partials),
                                          .partial_width = width};
    run_blocks(conv, conv.indices(), call.x);
    const cuda::DeltaGatesBackward<T> gates{.from = from,
                                            .upstream = gradients,
                                            .rows = rows,
                                            .dprojection = mutable_data<T>(dx),
                                            .partials = mutable_data<float>(partials),
                                            .partial_width = width};
    run_blocks(gates, row_blocks(rows), call.x);
  });
  const at::Tensor total = partials.sum(0);
  add_gradient(call.weights.conv, total.narrow(0, 0, taps * channels).view({taps, channels}).t());
  add_gradient(call.weights.a_log, total.narrow(0, taps * channels, heads));
  add_gradient(call.weights.dt_bias, total.narrow(0, taps * channels + heads, heads));
  return dx;
}

}  // namespace

bool gpu::has_delta_inputs(const at::Tensor& projection, const LinearAttentionConfig& config) {
  return is_row_type(projection) && takes_gpu_kernels(projection) &&
         config.conv_kernel <= cuda::kMostTaps;
}

DeltaInputs gpu::delta_inputs(const at::Tensor& projection, const DeltaInputWeights& weights,
                              const LinearAttentionConfig& config, const PackedSequences& sequences,
                              const at::Tensor& conv_state) {
  const Call call{.x = with_dense_rows(projection.detach()),
                  .weights = weights,
                  .config = config,
                  .sequences = sequences.count(),
                  .ends = at::tensor(sequences.cu_seqlens(), at::kLong)
                              .to(projection.device(), /*non_blocking=*/true),
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
