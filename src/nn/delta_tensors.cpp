// The chunked delta rule in batched tensor operations (specs/performance.md A.2, A.3, A.7). A batch
// is [chunks * Hv, ...] with chunks in the order of the plan; names are those of the formulas.
#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/baddbmm.h>
#include <ATen/ops/bmm.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/cumsum.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/linalg_solve_triangular.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include <limits>

#include "nn/internal/delta_chunks.h"

namespace polaris::nn {
namespace {

at::Tensor transposed(const at::Tensor& x) { return x.transpose(-1, -2); }

/// [T, H, D] packed -> [chunks * Hv, C, D], zero where a chunk is empty; heads repeated up to Hv.
at::Tensor to_chunks(const at::Tensor& x, const DeltaPlan& plan, std::int64_t value_heads) {
  const std::int64_t c = plan.chunk_length();
  const at::Tensor zero_row = at::zeros({1, x.size(1), x.size(2)}, x.options());
  return at::cat({x, zero_row})
      .index_select(0, plan.rows())
      .view({plan.chunk_count(), c, x.size(1), x.size(2)})
      .transpose(1, 2)
      .repeat_interleave(value_heads / x.size(1), 1)
      .reshape({-1, c, x.size(2)});
}

/// The other way: [chunks * Hv, C, D] -> [T, H, D]; heads that shared one are summed.
at::Tensor from_chunks(const at::Tensor& x, const DeltaPlan& plan, std::int64_t heads) {
  const std::int64_t value_heads = x.size(0) / plan.chunk_count();
  const at::Tensor rows = x.view({plan.chunk_count(), value_heads, plan.chunk_length(), x.size(2)})
                              .transpose(1, 2)
                              .reshape({-1, value_heads, x.size(2)})
                              .index_select(0, plan.places());
  if (heads == value_heads) return rows;
  return rows.view({rows.size(0), heads, value_heads / heads, x.size(2)}).sum(2);
}

/// [N, Hv, K, V] in the plan's order as [N * Hv, K, V]; a copy. Zero if undefined.
at::Tensor to_batch(const at::Tensor& states, const DeltaOperands& x, const DeltaPlan& plan) {
  const std::int64_t n = plan.sequences().count() * x.v.size(1);
  if (!states.defined()) return at::zeros({n, x.k.size(2), x.v.size(2)}, x.v.options());
  return states.index_select(0, plan.order()).view({n, x.k.size(2), x.v.size(2)});
}

at::Tensor from_batch(const at::Tensor& states, const DeltaPlan& plan) {
  const std::int64_t n = plan.sequences().count();
  return states.view({n, -1, states.size(1), states.size(2)}).index_select(0, plan.rank());
}

/// The inputs by chunks, and what follows from the gates.
struct Chunks {
  Chunks(const DeltaOperands& x, const DeltaPlan& plan, double scale) {
    const std::int64_t heads = x.v.size(1);
    q = to_chunks(x.q, plan, heads);
    k = to_chunks(x.k, plan, heads);
    beta = to_chunks(x.beta.unsqueeze(-1), plan, heads);
    // In double: D is made of differences of sums that may be large.
    const at::Tensor gamma = to_chunks(x.g.unsqueeze(-1), plan, heads).to(at::kDouble).cumsum(1);
    const at::Tensor last = gamma.narrow(1, plan.chunk_length() - 1, 1);
    since_start = gamma.exp().to(q.scalar_type());
    until_end = (last - gamma).exp().to(q.scalar_type());
    whole = last.exp().to(q.scalar_type());
    const at::Tensor index = at::arange(plan.chunk_length(), plan.rows().options());
    const at::Tensor above = index.unsqueeze(0) > index.unsqueeze(1);
    decay = (gamma - transposed(gamma))
                .to(q.scalar_type())
                .masked_fill_(above, -std::numeric_limits<double>::infinity())
                .exp_();
    scores = at::bmm(q, transposed(k)).mul_(decay).mul_(scale);
  }

  at::Tensor q, k;         // [B, C, K]
  at::Tensor beta;         // [B, C, 1]
  at::Tensor since_start;  // [B, C, 1]  e^gamma
  at::Tensor until_end;    // [B, C, 1]  e^(Gamma - gamma)
  at::Tensor whole;        // [B, 1, 1]  e^Gamma
  at::Tensor decay;        // [B, C, C]  D
  at::Tensor scores;       // [B, C, C]  P
};

/// The part of a batch that belongs to one step of the scan over chunks.
struct Step {
  Step(const DeltaPlan& plan, std::int64_t heads, std::int64_t step)
      : begin(plan.first_chunk(step) * heads), count(plan.active(step) * heads) {}

  at::Tensor of(const at::Tensor& batch) const { return batch.narrow(0, begin, count); }
  /// The states [N * Hv, K, V] of the sequences that still run.
  at::Tensor running(const at::Tensor& states) const { return states.narrow(0, 0, count); }

  std::int64_t begin, count;
};

DeltaOutput forward(const DeltaOperands& x, const DeltaPlan& plan, double scale,
                    DeltaSaved* saved) {
  const std::int64_t heads = x.v.size(1);
  const Chunks c(x, plan, scale);
  const at::Tensor v = to_chunks(x.v, plan, heads);
  // Of L only what lies below the diagonal is read.
  const at::Tensor l = at::bmm(c.k, transposed(c.k)).mul_(c.decay).mul_(c.beta);
  const at::Tensor inverse =
      at::linalg_solve_triangular(l, at::eye(l.size(1), l.options()).expand_as(l),
                                  /*upper=*/false, /*left=*/true, /*unitriangular=*/true);
  const at::Tensor k_reads = c.k * c.since_start;
  const at::Tensor k_writes = transposed(c.k * c.until_end);
  const at::Tensor written = at::empty_like(v);
  const at::Tensor states = at::empty({v.size(0), c.k.size(2), v.size(2)}, v.options());
  const at::Tensor state = to_batch(x.h0, x, plan);
  for (std::int64_t i = 0; i < plan.steps(); ++i) {
    const Step step(plan, heads, i);
    const at::Tensor h = step.running(state);
    step.of(states).copy_(h);
    const at::Tensor e = at::baddbmm(step.of(v), step.of(k_reads), h, 1, -1);
    const at::Tensor u = at::bmm(step.of(inverse), e.mul_(step.of(c.beta)));
    step.of(written).copy_(u);
    h.mul_(step.of(c.whole)).baddbmm_(step.of(k_writes), u);
  }
  const at::Tensor o =
      at::bmm(c.q, states).mul_(c.since_start).mul_(scale).baddbmm_(c.scores, written);
  if (saved != nullptr) *saved = {inverse, written, states};
  return {from_chunks(o, plan, heads), from_batch(state, plan)};
}

DeltaOperands backward(const DeltaOperands& x, const DeltaPlan& plan, double scale,
                       const DeltaSaved& saved, const DeltaOutput& d_output) {
  const std::int64_t heads = x.v.size(1);
  const Chunks c(x, plan, scale);
  const at::Tensor d_o =
      to_chunks(d_output.o.defined() ? d_output.o : at::zeros_like(x.v), plan, heads);
  const at::Tensor q_reads = transposed(c.q * c.since_start * scale);
  const at::Tensor k_reads = transposed(c.k * c.since_start);
  const at::Tensor k_writes = c.k * c.until_end;
  const at::Tensor d_u = at::bmm(transposed(c.scores), d_o);  // first summand, then all of dU
  const at::Tensor d_r = at::empty_like(d_u);
  const at::Tensor d_states = at::empty_like(saved.states);  // G of every chunk
  const at::Tensor d_state = to_batch(d_output.final_state, x, plan);
  for (std::int64_t i = plan.steps(); i-- > 0;) {
    const Step step(plan, heads, i);
    const at::Tensor g = step.running(d_state);
    step.of(d_states).copy_(g);
    const at::Tensor r =
        at::bmm(transposed(step.of(saved.inverse)), step.of(d_u).baddbmm_(step.of(k_writes), g));
    step.of(d_r).copy_(r);
    g.mul_(step.of(c.whole))
        .baddbmm_(step.of(q_reads), step.of(d_o))
        .baddbmm_(step.of(k_reads), r * step.of(c.beta), 1, -1);
  }

  const at::Tensor& u = saved.written;
  const at::Tensor d_v = d_r * c.beta;
  const at::Tensor y = at::bmm(d_v, transposed(u)).mul_(c.decay).tril_(-1).neg_();
  const at::Tensor z = at::bmm(d_o, transposed(u)).mul_(c.decay).mul_(scale);
  const at::Tensor d_q =
      at::bmm(d_o, transposed(saved.states)).mul_(c.since_start).mul_(scale).baddbmm_(z, c.k);
  const at::Tensor d_k_read =
      at::bmm(d_v, transposed(saved.states)).mul_(c.since_start).neg_().baddbmm_(y, c.k);
  const at::Tensor d_k_write = at::bmm(transposed(y), c.k).baddbmm_(transposed(z), c.q);
  const at::Tensor d_k_outlive = at::bmm(u, transposed(d_states)).mul_(c.until_end);
  const at::Tensor d_beta = (d_r * u).sum(-1, true) / c.beta.clamp_min(1e-20);

  // e^g_t is in everything that is carried from before t to t or beyond: in what tokens from t on
  // read (e^gamma_i comes with every reader, e^-gamma_i with every writer), in what earlier tokens
  // wrote and the chunk's end still holds, and in what the end holds of H. The last two are A.3's
  // share of Gamma without what cancels in d_gamma.
  const at::Tensor d_gamma = (c.q * d_q + c.k * (d_k_read - d_k_write)).sum(-1, true, at::kDouble);
  const at::Tensor outlived = (c.k * d_k_outlive).sum(-1, true, at::kDouble);
  const at::Tensor of_state = (saved.states * d_states).sum({1, 2}, true, at::kDouble) * c.whole;
  const at::Tensor d_g =
      d_gamma.flip(1).cumsum(1).flip(1) + (outlived.cumsum(1) - outlived) + of_state;

  return {.q = from_chunks(d_q, plan, x.q.size(1)),
          .k = from_chunks(d_k_read + d_k_write + d_k_outlive, plan, x.k.size(1)),
          .v = from_chunks(d_v, plan, heads),
          .g = from_chunks(d_g.to(x.g.scalar_type()), plan, heads).squeeze(-1),
          .beta = from_chunks(d_beta, plan, heads).squeeze(-1),
          .h0 = x.h0.defined() ? from_batch(d_state, plan) : at::Tensor()};
}

}  // namespace

DeltaForm delta_form_tensors() { return {forward, backward}; }

}  // namespace polaris::nn
