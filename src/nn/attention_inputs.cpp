#include "nn/internal/attention_inputs.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>

#include "base/error.h"
#include "nn/cuda/attention_inputs_blocks.h"
#include "nn/internal/fused.h"
#include "nn/internal/row_ops.h"
#include "nn/kernels/attention_inputs_kernels.h"

namespace polaris::nn {
namespace composite {
namespace {

/// x [T, heads, d] with its first dimensions turned.
at::Tensor rotated(const at::Tensor& x, const RopeTables& rope) {
  const std::int64_t half = rope.cos.size(1);
  const at::Tensor cos = rope.cos.unsqueeze(1), sin = rope.sin.unsqueeze(1);
  const at::Tensor a = x.narrow(2, 0, half), b = x.narrow(2, half, half);
  const at::Tensor rest = x.narrow(2, 2 * half, x.size(2) - 2 * half);
  return at::cat({a * cos - b * sin, b * cos + a * sin, rest}, 2);
}

}  // namespace

AttentionInputs attention_inputs(const at::Tensor& projection, const AttentionLayout& layout,
                                 const std::optional<HeadNorms>& norms, const RopeTables& rope) {
  const std::int64_t d = layout.head_dim;
  std::int64_t column = 0;
  const auto next_heads = [&](std::int64_t heads, std::int64_t width) {
    const at::Tensor columns = projection.narrow(1, column, heads * width);
    column += heads * width;
    return columns.unflatten(1, {heads, width});
  };
  const at::Tensor query_gate = next_heads(layout.heads, layout.has_gate ? 2 * d : d);
  at::Tensor q = query_gate.narrow(2, 0, d);
  at::Tensor k = next_heads(layout.kv_heads, d);
  const at::Tensor v = next_heads(layout.kv_heads, d);
  if (norms) {
    q = composite::rms_norm(q, norms->query, norms->style);
    k = composite::rms_norm(k, norms->key, norms->style);
  }
  return {.q = rotated(wide(q), rope),
          .k = rotated(wide(k), rope),
          .v = wide(v),
          .gate = layout.has_gate ? query_gate.narrow(2, d, d) : at::Tensor()};
}

}  // namespace composite

namespace {

kernels::HeadLayout kernel_layout(const AttentionLayout& layout,
                                  const std::optional<HeadNorms>& norms, const RopeTables& rope) {
  kernels::HeadLayout result{.heads = layout.heads,
                             .kv_heads = layout.kv_heads,
                             .head_dim = layout.head_dim,
                             .has_gate = layout.has_gate,
                             .rotary_dims = 2 * rope.cos.size(1),
                             .has_norms = norms.has_value(),
                             .cos = data<float>(rope.cos),
                             .sin = data<float>(rope.sin)};
  if (norms) {
    result.query_norm = kernel_norm(norms->query, norms->style, layout.head_dim);
    result.key_norm = kernel_norm(norms->key, norms->style, layout.head_dim);
  }
  return result;
}

void forward_on_gpu(const at::Tensor& x, const kernels::HeadLayout& layout,
                    const AttentionInputs& out) {
  with_row_type(x, [&]<class T>(T) {
    const cuda::AttentionInputsForward<T> kernel{.layout = layout,
                                                 .projection = data<T>(x),
                                                 .stride = x.stride(0),
                                                 .out = {.q = mutable_data<float>(out.q),
                                                         .k = mutable_data<float>(out.k),
                                                         .v = mutable_data<float>(out.v),
                                                         .gate = mutable_data<T>(out.gate)}};
    run_blocks(kernel, x.size(0) * kernel.per_row(), x);
  });
}

at::Tensor backward_on_gpu(const at::Tensor& x, const AttentionLayout& layout,
                           const std::optional<HeadNorms>& norms, const RopeTables& rope,
                           const Tensors& upstream) {
  const std::int64_t rows = x.size(0), d = layout.head_dim;
  const std::int64_t queries = rows * layout.heads, keys = rows * layout.kv_heads;
  at::Tensor dx = at::empty({rows, layout.columns()}, x.options());
  const at::Tensor inverse = at::empty({queries + keys}, x.options().dtype(at::kFloat));
  const kernels::HeadLayout heads = kernel_layout(layout, norms, rope);
  with_row_type(x, [&]<class T>(T) {
    const cuda::AttentionInputsBackward<T> kernel{
        .layout = heads,
        .projection = data<T>(x),
        .stride = x.stride(0),
        .upstream = {.q = data<float>(upstream[0]),
                     .k = data<float>(upstream[1]),
                     .v = data<float>(upstream[2]),
                     .gate = layout.has_gate ? data<T>(upstream[3]) : nullptr},
        .rows = rows,
        .dprojection = mutable_data<T>(dx),
        .inverse = mutable_data<float>(inverse)};
    run_blocks(kernel, rows * kernel.per_row(), x);
    if (!norms) return;
    const auto term = [&](bool is_query) {
      return cuda::HeadNormTerm<T>{.layout = heads,
                                   .is_query = is_query,
                                   .projection = data<T>(x),
                                   .stride = x.stride(0),
                                   .upstream = data<float>(upstream[is_query ? 0 : 1]),
                                   .inverse = data<float>(inverse) + (is_query ? 0 : queries)};
    };
    add_column_sums(norms->query, term(true), queries, d, x);
    add_column_sums(norms->key, term(false), keys, d, x);
  });
  return dx;
}

/// @param upstream  gradients of q, k, v and, with gates, gate
at::Tensor backward(const at::Tensor& x, const AttentionLayout& layout,
                    const std::optional<HeadNorms>& norms, const RopeTables& rope,
                    const Tensors& upstream) {
  if (takes_gpu_kernels(x)) return backward_on_gpu(x, layout, norms, rope, upstream);
  const std::int64_t rows = x.size(0), d = layout.head_dim;
  at::Tensor dx = at::empty({rows, layout.columns()}, x.options());
  const BlockSums dweights(row_blocks(rows), 2 * d);
  const at::Tensor scratch = at::empty({row_blocks(rows), d}, at::kFloat);
  with_row_type(x, [&]<class T>(T) {
    const auto kernel = kernels::attention_inputs_kernels().of<T>().backward;
    const kernels::HeadLayout heads = kernel_layout(layout, norms, rope);
    const kernels::HeadTensors<const float, const T> gradients{
        .q = data<float>(upstream[0]),
        .k = data<float>(upstream[1]),
        .v = data<float>(upstream[2]),
        .gate = layout.has_gate ? data<T>(upstream[3]) : nullptr};
    for_row_blocks(rows, dx.size(1), [&](std::int64_t block, std::int64_t begin, std::int64_t end) {
      kernel(heads, data<T>(x), x.stride(0), gradients, mutable_data<T>(dx), dweights.block(block),
             mutable_data<float>(scratch) + block * d, begin, end);
    });
  });
  if (norms) {
    const at::Tensor total = dweights.total();
    add_gradient(norms->query, total.narrow(0, 0, d));
    add_gradient(norms->key, total.narrow(0, d, d));
  }
  return dx;
}

}  // namespace

AttentionInputs attention_inputs(const at::Tensor& projection, const AttentionLayout& layout,
                                 const std::optional<HeadNorms>& norms, const RopeTables& rope) {
  POLARIS_CHECK(projection.size(1) == layout.columns(), "{} columns for heads that need {}",
                projection.size(1), layout.columns());
  POLARIS_CHECK(rope.cos.size(0) == projection.size(0) && rope.cos.sizes() == rope.sin.sizes() &&
                    2 * rope.cos.size(1) <= layout.head_dim,
                "angles of other tokens or heads");
  if (!has_fused_form(projection))
    return composite::attention_inputs(projection, layout, norms, rope);
  const at::Tensor x = with_dense_rows(projection.detach());
  const auto heads = [&](std::int64_t count, at::ScalarType type) {
    return at::empty({x.size(0), count, layout.head_dim}, x.options().dtype(type));
  };
  AttentionInputs out{.q = heads(layout.heads, at::kFloat),
                      .k = heads(layout.kv_heads, at::kFloat),
                      .v = heads(layout.kv_heads, at::kFloat)};
  if (layout.has_gate) out.gate = heads(layout.heads, x.scalar_type());
  const kernels::HeadLayout head_layout = kernel_layout(layout, norms, rope);
  if (takes_gpu_kernels(x)) {
    forward_on_gpu(x, head_layout, out);
  } else {
    with_row_type(x, [&]<class T>(T) {
      const auto kernel = kernels::attention_inputs_kernels().of<T>().forward;
      const kernels::HeadTensors<float, T> results{.q = mutable_data<float>(out.q),
                                                   .k = mutable_data<float>(out.k),
                                                   .v = mutable_data<float>(out.v),
                                                   .gate = mutable_data<T>(out.gate)};
      for_rows(x.size(0), x.size(1), [&](std::int64_t begin, std::int64_t end) {
        kernel(head_layout, data<T>(x), x.stride(0), results, begin, end);
      });
    });
  }
  Tensors results = {out.q, out.k, out.v};
  if (layout.has_gate) results.push_back(out.gate);
  results = record({projection}, results, [=](const Tensors& upstream) -> Tensors {
    return {backward(x, layout, norms, rope, upstream)};
  });
  return {.q = results[0],
          .k = results[1],
          .v = results[2],
          .gate = layout.has_gate ? results[3] : at::Tensor()};
}

}  // namespace polaris::nn
