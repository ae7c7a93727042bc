// The delta rule token by token: in tensor operations, and on the CPU.
#include "nn/kernels/delta_recurrence.h"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/baddbmm.h>
#include <ATen/ops/bmm.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>

#include <vector>

#include "base/error.h"
#include "nn/internal/delta_rule.h"

namespace polaris::nn {
namespace {

at::Tensor zero_states(const DeltaOperands& x, const PackedSequences& sequences) {
  return at::zeros({sequences.count(), x.v.size(1), x.k.size(2), x.v.size(2)}, x.v.options());
}

template <class T>
void run(const DeltaOperands& x, const PackedSequences& sequences, double scale,
         const kernels::DeltaRecurrenceKernel<T>& kernel, const DeltaOutput& out) {
  const kernels::DeltaTokens<T> rows{.key_heads = x.k.size(1),
                                     .value_heads = x.v.size(1),
                                     .key_size = x.k.size(2),
                                     .value_size = x.v.size(2),
                                     .scale = static_cast<T>(scale),
                                     .q = x.q.const_data_ptr<T>(),
                                     .k = x.k.const_data_ptr<T>(),
                                     .key_stride = x.k.stride(0),
                                     .v = x.v.const_data_ptr<T>(),
                                     .value_stride = x.v.stride(0),
                                     .g = x.g.const_data_ptr<T>(),
                                     .beta = x.beta.const_data_ptr<T>(),
                                     .o = out.o.mutable_data_ptr<T>()};
  const std::int64_t heads = rows.value_heads;
  T* states = out.final_state.mutable_data_ptr<T>();
  at::parallel_for(0, sequences.count() * heads, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t item = begin; item < end; ++item) {
      const std::int64_t sequence = item / heads;
      kernel.run(rows, states + item * rows.key_size * rows.value_size, item % heads,
                 sequences.begin(sequence), sequences.length(sequence));
    }
  });
}

}  // namespace

DeltaOutput delta_recurrence(const DeltaOperands& x, const PackedSequences& sequences,
                             double scale) {
  const std::int64_t group = x.v.size(1) / x.k.size(1);
  // [T] tensors [Hv, 1, K], [Hv, 1, V] and [Hv, 1, 1]
  const auto q = (x.q * scale).repeat_interleave(group, 1).unsqueeze(2).unbind();
  const auto k = x.k.repeat_interleave(group, 1).unsqueeze(2).unbind();
  const auto v = x.v.unsqueeze(2).unbind();
  const auto decay = x.g.exp().unsqueeze(-1).unsqueeze(-1).unbind();
  const auto beta = x.beta.unsqueeze(-1).unsqueeze(-1).unbind();
  const auto h0 = (x.h0.defined() ? x.h0 : zero_states(x, sequences)).unbind();

  std::vector<at::Tensor> o;
  std::vector<at::Tensor> final_states;
  for (std::int64_t i = 0; i < sequences.count(); ++i) {
    at::Tensor state = h0[i];
    for (std::int64_t t = sequences.begin(i); t < sequences.begin(i) + sequences.length(i); ++t) {
      state = state * decay[t];
      const at::Tensor u = beta[t] * at::baddbmm(v[t], k[t], state, 1, -1);
      state = at::baddbmm(state, k[t].transpose(1, 2), u);
      o.push_back(at::bmm(q[t], state).squeeze(1));
    }
    final_states.push_back(state);
  }
  return {at::stack(o), at::stack(final_states)};
}

DeltaOutput delta_recurrence_cpu(const DeltaOperands& input, const PackedSequences& sequences,
                                 double scale) {
  DeltaOperands x = input;
  for (at::Tensor* t : {&x.q, &x.k, &x.v, &x.g, &x.beta}) *t = t->contiguous();
  const DeltaOutput out{at::empty_like(x.v),
                        x.h0.defined() ? x.h0.clone() : zero_states(x, sequences)};
  if (x.q.scalar_type() == at::kDouble) {
    run<double>(x, sequences, scale, kernels::delta_recurrence_double(), out);
  } else {
    run<float>(x, sequences, scale, kernels::delta_recurrence_float(), out);
  }
  return out;
}

}  // namespace polaris::nn
