// The delta rule on the CPU: tensors to pointers, one thread for each key head of a sequence.
#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros_like.h>

#include <functional>
#include <vector>

#include "base/error.h"
#include "nn/internal/delta_chunks.h"
#include "nn/kernels/delta_chunk.h"
#include "nn/kernels/delta_recurrence.h"
#include "nn/kernels/flush_denormals.h"

namespace polaris::nn {
namespace {

kernels::DeltaSizes sizes_of(const DeltaOperands& x, const DeltaPlan& plan) {
  return {.key_heads = x.k.size(1),
          .value_heads = x.v.size(1),
          .key_size = x.k.size(2),
          .value_size = x.v.size(2),
          .chunk_length = plan.chunk_length()};
}

/// Where one sequence and key head begin in the arrays of a call.
struct Place {
  std::int64_t key, value, gate;  // offsets into q and k, v and o, g and beta
  std::int64_t state;             // into states [N, Hv, K, V]
  std::int64_t tokens;
  std::int64_t slot;  // into saved arrays [chunks, Hv, ...], whose chunks lie sequence by sequence
};

std::int64_t chunks_of(std::int64_t tokens, std::int64_t chunk_length) {
  return (tokens + chunk_length - 1) / chunk_length;
}

/// work(place, scratch) for every sequence and key head, in parallel.
void for_each_key_head(const DeltaPlan& plan, const kernels::DeltaSizes& n, std::int64_t scratch,
                       const std::function<void(const Place&, float*)>& work) {
  const PackedSequences& sequences = plan.sequences();
  std::vector<std::int64_t> chunks_before{0};
  for (std::int64_t i = 0; i < sequences.count(); ++i)
    chunks_before.push_back(chunks_before.back() + chunks_of(sequences.length(i), n.chunk_length));

  const std::int64_t items = n.key_heads * sequences.count();
  at::parallel_for(0, items, 1, [&](std::int64_t begin, std::int64_t end) {
    const kernels::FlushDenormals flush;
    const at::Tensor memory = at::empty({scratch}, at::kFloat);
    for (std::int64_t item = begin; item < end; ++item) {
      // A thread gets some heads of all sequences rather than all heads of some: sequences differ
      // in length.
      const std::int64_t sequence = item % sequences.count();
      const std::int64_t key_head = item / sequences.count();
      const std::int64_t head = key_head * kernels::delta_group(n);
      const std::int64_t token = sequences.begin(sequence);
      work({.key = (token * n.key_heads + key_head) * n.key_size,
            .value = (token * n.value_heads + head) * n.value_size,
            .gate = token * n.value_heads + head,
            .state = (sequence * n.value_heads + head) * n.key_size * n.value_size,
            .tokens = sequences.length(sequence),
            .slot = chunks_before[sequence] * n.value_heads + head},
           memory.mutable_data_ptr<float>());
    }
  });
}

kernels::DeltaSequence inputs_at(const DeltaOperands& x, const Place& at, double scale) {
  return {.tokens = at.tokens,
          .scale = static_cast<float>(scale),
          .q = x.q.const_data_ptr<float>() + at.key,
          .k = x.k.const_data_ptr<float>() + at.key,
          .v = x.v.const_data_ptr<float>() + at.value,
          .g = x.g.const_data_ptr<float>() + at.gate,
          .beta = x.beta.const_data_ptr<float>() + at.gate};
}

kernels::DeltaSaved saved_at(const DeltaSaved& saved, const Place& at) {
  if (!saved.states.defined()) return {};
  const auto slot = [&](const at::Tensor& x) {
    return x.mutable_data_ptr<float>() + at.slot * x.size(-2) * x.size(-1);
  };
  return {
      .inverse = slot(saved.inverse), .written = slot(saved.written), .states = slot(saved.states)};
}

const float* state_at(const at::Tensor& states, const Place& at) {
  return states.defined() ? states.const_data_ptr<float>() + at.state : nullptr;
}

DeltaOutput forward(const DeltaOperands& x, const DeltaPlan& plan, double scale,
                    DeltaSaved* saved) {
  const kernels::DeltaSizes n = sizes_of(x, plan);
  const auto kernel = kernels::delta_forward_kernel();
  DeltaSaved kept;
  if (saved != nullptr) {
    const std::int64_t c = n.chunk_length;
    const std::int64_t keys = kernels::delta_padded(n.key_size);
    const std::int64_t values = kernels::delta_padded(n.value_size);
    const auto of_chunks = [&](std::int64_t rows, std::int64_t columns) {
      return at::empty({plan.chunk_count(), n.value_heads, rows, columns}, at::kFloat);
    };
    kept = {of_chunks(c, c), of_chunks(c, values), of_chunks(keys, values)};
    *saved = kept;
  }
  const DeltaOutput out{
      at::empty(x.v.sizes(), at::kFloat),
      at::empty({plan.sequences().count(), n.value_heads, n.key_size, n.value_size}, at::kFloat)};
  for_each_key_head(plan, n, kernel.scratch(n), [&](const Place& at, float* scratch) {
    kernel.run(n, {.in = inputs_at(x, at, scale),
                   .h0 = state_at(x.h0, at),
                   .o = out.o.mutable_data_ptr<float>() + at.value,
                   .final_state = out.final_state.mutable_data_ptr<float>() + at.state,
                   .saved = saved_at(kept, at),
                   .scratch = scratch});
  });
  return out;
}

DeltaOperands backward(const DeltaOperands& x, const DeltaPlan& plan, double scale,
                       const DeltaSaved& saved, const DeltaOutput& d_output) {
  const kernels::DeltaSizes n = sizes_of(x, plan);
  const auto kernel = kernels::delta_backward_kernel();
  const at::Tensor d_o = d_output.o.defined() ? d_output.o.contiguous() : at::zeros_like(x.v);
  const at::Tensor d_state =
      d_output.final_state.defined() ? d_output.final_state.contiguous() : at::Tensor();
  const DeltaOperands d{
      at::empty_like(x.q),    at::empty_like(x.k),
      at::empty_like(x.v),    at::empty_like(x.g),
      at::empty_like(x.beta), x.h0.defined() ? at::empty_like(x.h0) : at::Tensor()};
  for_each_key_head(plan, n, kernel.scratch(n), [&](const Place& at, float* scratch) {
    kernel.run(n, {.in = inputs_at(x, at, scale),
                   .saved = saved_at(saved, at),
                   .d_o = d_o.const_data_ptr<float>() + at.value,
                   .d_final_state = state_at(d_state, at),
                   .dq = d.q.mutable_data_ptr<float>() + at.key,
                   .dk = d.k.mutable_data_ptr<float>() + at.key,
                   .dv = d.v.mutable_data_ptr<float>() + at.value,
                   .dg = d.g.mutable_data_ptr<float>() + at.gate,
                   .dbeta = d.beta.mutable_data_ptr<float>() + at.gate,
                   .dh0 = d.h0.defined() ? d.h0.mutable_data_ptr<float>() + at.state : nullptr,
                   .scratch = scratch});
  });
  return d;
}

}  // namespace

DeltaForm delta_form_cpu() { return {forward, backward}; }

}  // namespace polaris::nn
