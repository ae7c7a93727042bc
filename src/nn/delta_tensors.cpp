// The chunked delta rule in batched tensor operations (specs/performance.md A.2, A.3, A.7). A batch
// is [chunks * Hv, ...] with chunks in the order of the plan; names are those of the formulas. A
// step of either scan is four launches on a GPU, and two more where sequences end; nothing waits.
#include <ATen/TensorOperators.h>
#include <ATen/ops/addcmul.h>
#include <ATen/ops/baddbmm.h>
#include <ATen/ops/bmm.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/cumsum.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/linalg_solve_triangular.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include "nn/cuda/delta_blocks.h"
#include "nn/internal/cuda_modes.h"
#include "nn/internal/delta_chunks.h"
#include "nn/internal/run_blocks.h"

namespace polaris::nn {
namespace {

at::Tensor transposed(const at::Tensor& x) { return x.transpose(-1, -2); }

void multiply(at::Tensor result, const at::Tensor& a, const at::Tensor& b) {
  at::bmm_out(result, a, b);
}

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

/// work(T{}) with the type of x.
template <class Work>
void with_type(const at::Tensor& x, const Work& work) {
  x.scalar_type() == at::kDouble ? work(double{}) : work(float{});
}

/// D [B, C, C] from gamma [B, C, 1].
at::Tensor decay_matrix(const at::Tensor& gamma, const at::Tensor& like) {
  const std::int64_t size = gamma.size(1);
  const at::Tensor decay = at::empty({gamma.size(0), size, size}, like.options());
  with_type(like, [&]<class T>(T) {
    const cuda::DecayMatrix<T> kernel{gamma.const_data_ptr<double>(), decay.mutable_data_ptr<T>(),
                                      size};
    run_blocks(kernel, gamma.numel(), decay);
  });
  return decay;
}

/// The inputs by chunks, and what follows from the gates.
struct Chunks {
  Chunks(const DeltaOperands& x, const DeltaPlan& plan, double scale) {
    const std::int64_t heads = x.v.size(1);
    q = to_chunks(x.q, plan, heads);
    k = to_chunks(x.k, plan, heads);
    beta = to_chunks(x.beta.unsqueeze(-1), plan, heads);
    // In double: D is made of differences of sums that may be large.
    const at::Tensor gamma =
        to_chunks(x.g.unsqueeze(-1), plan, heads).to(at::kDouble).cumsum(1).contiguous();
    const at::Tensor last = gamma.narrow(1, plan.chunk_length() - 1, 1);
    since_start = gamma.exp().to(q.scalar_type());
    until_end = (last - gamma).exp().to(q.scalar_type());
    whole = last.exp().to(q.scalar_type());
    decay = decay_matrix(gamma, q);
    scores = at::bmm(q, transposed(k)).mul_(decay).mul_(scale);
    q_reads = q * (since_start * scale);
  }

  at::Tensor q, k;         // [B, C, K]
  at::Tensor q_reads;      // [B, C, K]  s e^gamma q
  at::Tensor beta;         // [B, C, 1]
  at::Tensor since_start;  // [B, C, 1]  e^gamma
  at::Tensor until_end;    // [B, C, 1]  e^(Gamma - gamma)
  at::Tensor whole;        // [B, 1, 1]  e^Gamma
  at::Tensor decay;        // [B, C, C]  D
  at::Tensor scores;       // [B, C, C]  P
};

/// (I + tril(l, -1))^-1 of every matrix of a batch.
at::Tensor unit_lower_inverse(const at::Tensor& l) {
  if (takes_gpu_kernels(l) && l.scalar_type() == at::kFloat) {
    const at::Tensor inverse = at::empty_like(l);
    const cuda::UnitLowerInverse kernel = {.l = l.const_data_ptr<float>(),
                                           .inverse = inverse.mutable_data_ptr<float>(),
                                           .size = l.size(1)};
    run_blocks(kernel, l.size(0) * kernel.tiles(), l);
    return inverse;
  }
  return at::linalg_solve_triangular(l, at::eye(l.size(1), l.options()).expand_as(l),
                                     /*upper=*/false, /*left=*/true, /*unitriangular=*/true);
}

/// The part of a batch that belongs to one step of the scan over chunks, and what becomes of its
/// states: the first ones run on into the next step, the others are their sequences' last.
struct Step {
  Step(const DeltaPlan& plan, std::int64_t heads, std::int64_t step)
      : begin(plan.first_chunk(step) * heads),
        count(plan.active(step) * heads),
        running(step + 1 < plan.steps() ? plan.active(step + 1) * heads : 0) {}

  at::Tensor of(const at::Tensor& batch) const { return batch.narrow(0, begin, count); }
  /// States [N * Hv, K, V] of the sequences that end here.
  at::Tensor ended(const at::Tensor& states) const {
    return states.narrow(0, running, count - running);
  }

  std::int64_t begin, count, running;
};

/// Calls work(target, first, count) for the parts of a step's states that go to the next step in
/// `states`, and to `last`.
template <class Work>
void for_targets(const Step& step, const at::Tensor& states, const at::Tensor& last,
                 const Work& work) {
  if (step.running > 0)
    work(states.narrow(0, step.begin + step.count, step.running), 0, step.running);
  if (step.running < step.count) work(step.ended(last), step.running, step.count - step.running);
}

/// The precision of this form's products (A.7).
ProductPrecision product_precision() { return ProductPrecision(ProductPrecision::Float32::kTf32); }

DeltaOutput forward(const DeltaOperands& x, const DeltaPlan& plan, double scale,
                    DeltaSaved* saved) {
  const ProductPrecision precision = product_precision();
  const std::int64_t heads = x.v.size(1);
  const Chunks c(x, plan, scale);
  const at::Tensor v = to_chunks(x.v, plan, heads);
  // Of L only what lies below the diagonal is read.
  const at::Tensor l = at::bmm(c.k, transposed(c.k)).mul_(c.decay).mul_(c.beta);
  const at::Tensor inverse = unit_lower_inverse(l);
  const at::Tensor writes = inverse * transposed(c.beta);
  const at::Tensor k_reads = c.k * c.since_start;
  const at::Tensor k_writes = transposed(c.k * c.until_end);
  at::Tensor written = at::empty_like(v);
  const at::Tensor states = at::empty({v.size(0), c.k.size(2), v.size(2)}, v.options());
  const at::Tensor last = to_batch(x.h0, x, plan);  // before its end, a sequence's first state
  Step(plan, heads, 0).of(states).copy_(last);
  for (std::int64_t i = 0; i < plan.steps(); ++i) {
    const Step step(plan, heads, i);
    const at::Tensor h = step.of(states), u = step.of(written);
    const at::Tensor e = step.of(v).baddbmm_(step.of(k_reads), h, 1, -1);
    multiply(u, step.of(writes), e);
    for_targets(step, states, last, [&](at::Tensor next, std::int64_t first, std::int64_t count) {
      const auto part = [&](const at::Tensor& t) { return t.narrow(0, first, count); };
      at::mul_out(next, part(h), part(step.of(c.whole)));
      next.baddbmm_(part(step.of(k_writes)), part(u));
    });
  }
  const at::Tensor o = at::bmm(c.q_reads, states).baddbmm_(c.scores, written);
  if (saved != nullptr) *saved = {inverse, written, states};
  return {from_chunks(o, plan, heads), from_batch(last, plan)};
}

/// What the scan from the last chunks to the first leaves.
struct ScannedBack {
  at::Tensor d_v;       // [B, C, V]
  at::Tensor d_beta;    // [B, C, 1]
  at::Tensor d_states;  // [B, K, V]  G of every chunk
  at::Tensor d_h0;      // [N * Hv, K, V]  if there is an h0
};

ScannedBack scan_back(const DeltaOperands& x, const DeltaPlan& plan, const Chunks& c,
                      const DeltaSaved& saved, const at::Tensor& d_o,
                      const at::Tensor& d_final_state) {
  const std::int64_t heads = x.v.size(1);
  const at::Tensor writes = transposed(saved.inverse * transposed(c.beta));
  const at::Tensor k_reads = transposed(c.k * c.since_start);
  const at::Tensor k_writes = c.k * c.until_end;
  const at::Tensor d_u = at::bmm(transposed(c.scores), d_o);  // first summand, then all of dU
  const at::Tensor by_reads = at::bmm(transposed(c.q_reads), d_o);
  const at::Tensor d_v = at::empty_like(d_u);
  const at::Tensor d_states = at::empty_like(saved.states);
  const at::Tensor d_last = to_batch(d_final_state, x, plan);
  for (std::int64_t i = plan.steps(); i-- > 0;) {
    const Step step(plan, heads, i);
    const at::Tensor g = step.of(d_states), d_e = step.of(d_v);
    if (step.running < step.count) step.ended(g).copy_(step.ended(d_last));
    multiply(d_e, step.of(writes), step.of(d_u).baddbmm_(step.of(k_writes), g));
    if (i == 0 && !x.h0.defined()) break;
    // Of the chunk before, whose states are the step before's first ones; of h0 in the end.
    at::Tensor before = i == 0 ? d_last : Step(plan, heads, i - 1).of(d_states);
    before = before.narrow(0, 0, step.count);
    at::addcmul_out(before, step.of(by_reads), g, step.of(c.whole));
    before.baddbmm_(step.of(k_reads), d_e, 1, -1);
  }
  const at::Tensor d_r = at::bmm(transposed(saved.inverse), d_u);
  return {.d_v = d_v,
          .d_beta = (d_r * saved.written).sum(-1, true) / c.beta.clamp_min(1e-20),
          .d_states = d_states,
          .d_h0 = d_last};
}

DeltaOperands backward(const DeltaOperands& x, const DeltaPlan& plan, double scale,
                       const DeltaSaved& saved, const DeltaOutput& d_output) {
  const ProductPrecision precision = product_precision();
  const std::int64_t heads = x.v.size(1);
  Chunks c(x, plan, scale);
  const at::Tensor d_o =
      to_chunks(d_output.o.defined() ? d_output.o : at::zeros_like(x.v), plan, heads);
  const ScannedBack scanned = scan_back(x, plan, c, saved, d_o, d_output.final_state);
  const at::Tensor &d_v = scanned.d_v, &d_states = scanned.d_states;
  c.q_reads.reset();  // memory is at its highest below
  c.scores.reset();

  const at::Tensor& u = saved.written;
  const at::Tensor y = at::bmm(d_v, transposed(u)).mul_(c.decay).tril_(-1).neg_();
  const at::Tensor z = at::bmm(d_o, transposed(u)).mul_(c.decay).mul_(scale);
  const at::Tensor d_q =
      at::bmm(d_o, transposed(saved.states)).mul_(c.since_start).mul_(scale).baddbmm_(z, c.k);
  const at::Tensor d_k_read =
      at::bmm(d_v, transposed(saved.states)).mul_(c.since_start).neg_().baddbmm_(y, c.k);
  const at::Tensor d_k_write = at::bmm(transposed(y), c.k).baddbmm_(transposed(z), c.q);
  const at::Tensor d_k_outlive = at::bmm(u, transposed(d_states)).mul_(c.until_end);

  const at::Tensor d_gamma = at::empty(c.beta.sizes(), c.beta.options().dtype(at::kDouble));
  const at::Tensor outlived = at::empty_like(d_gamma);
  const at::Tensor of_state = at::empty(c.whole.sizes(), d_gamma.options());
  with_type(u, [&]<class T>(T) {
    const auto in = [](const at::Tensor& t) { return t.const_data_ptr<T>(); };
    const cuda::GateDots<T> gates{.width = c.q.size(2),
                                  .q = in(c.q),
                                  .k = in(c.k),
                                  .d_q = in(d_q),
                                  .d_k_read = in(d_k_read),
                                  .d_k_write = in(d_k_write),
                                  .d_k_outlive = in(d_k_outlive),
                                  .d_gamma = d_gamma.mutable_data_ptr<double>(),
                                  .outlived = outlived.mutable_data_ptr<double>()};
    run_blocks(gates, d_gamma.numel(), u);
    const cuda::MatrixDots<T> states{.size = d_states.size(1) * d_states.size(2),
                                     .a = in(saved.states),
                                     .b = in(d_states),
                                     .sums = of_state.mutable_data_ptr<double>()};
    run_blocks(states, of_state.numel(), u);
  });
  of_state.mul_(c.whole);

  // e^g_t is in everything that is carried from before t to t or beyond: in what tokens from t on
  // read (e^gamma_i comes with every reader, e^-gamma_i with every writer), in what earlier tokens
  // wrote and the chunk's end still holds, and in what the end holds of H. The last two are A.3's
  // share of Gamma without what cancels in d_gamma.
  const at::Tensor d_g =
      d_gamma.flip(1).cumsum(1).flip(1) + (outlived.cumsum(1) - outlived) + of_state;

  return {.q = from_chunks(d_q, plan, x.q.size(1)),
          .k = from_chunks(d_k_read + d_k_write + d_k_outlive, plan, x.k.size(1)),
          .v = from_chunks(d_v, plan, heads),
          .g = from_chunks(d_g.to(x.g.scalar_type()), plan, heads).squeeze(-1),
          .beta = from_chunks(scanned.d_beta, plan, heads).squeeze(-1),
          .h0 = x.h0.defined() ? from_batch(scanned.d_h0, plan) : at::Tensor()};
}

}  // namespace

DeltaForm delta_form_tensors() { return {forward, backward}; }

}  // namespace polaris::nn
