#include "nn/kernels/delta_chunk_parts.h"

namespace polaris::kernels::POLARIS_ISA {
namespace {

struct ForwardWorkspace : Workspace {
  ForwardWorkspace(const DeltaSizes& n, float* memory) : Workspace(n, memory) {
    kk = take(chunk, chunk);
    lower = take(chunk, chunk);
    inverse = take(chunk, chunk);
    block_row = take(kDeltaBlock, chunk);
    written = take(chunk, values);
    residual = take(chunk, values);
    out = take(chunk, values);
  }

  Matrix kk;         // M
  Matrix lower;      // -L
  Matrix inverse;    // A, if it is not saved
  Matrix block_row;  // temporary
  Matrix written;    // U, if it is not saved
  Matrix residual;   // beta * E, later e^(Gamma - gamma) * U
  Matrix out;        // O
};

/// (I - n)^-1 of the diagonal block at (first, first), for n below the diagonal: substitution.
void invert_diagonal(Matrix inverse, Matrix n, std::int64_t first) {
  constexpr int kVectors = kDeltaBlock / kLanes;
  Lanes row[kDeltaBlock][kVectors] = {};
  for (int i = 0; i < kDeltaBlock; ++i) row[i][i / kLanes][i % kLanes] = 1.0F;
  for (int j = 0; j < kDeltaBlock; ++j)
    for (int i = j + 1; i < kDeltaBlock; ++i)
      for (int c = 0; c < kVectors; ++c) row[i][c] += n.row(first + i)[first + j] * row[j][c];
  for (int i = 0; i < kDeltaBlock; ++i)
    for (int c = 0; c < kVectors; ++c)
      store_lanes(inverse.row(first + i) + first + c * kLanes, row[i][c]);
}

/// inverse = (I - n)^-1 for n below the diagonal, a row of blocks after the other: the row's
/// diagonal block A_ii, then A_ii (n_i A) left of it. All factors are parts of n or inverses of
/// diagonal parts of I - n, whose entries stay small: repeated keys do no harm (A.5).
void invert(Matrix inverse, Matrix n, Matrix block_row, std::int64_t rows) {
  for (std::int64_t i = 0; i < rows; i += kDeltaBlock) {
    invert_diagonal(inverse, n, i);
    for (std::int64_t j = 0; j < i; j += kDeltaBlock)
      multiply<Sum::kSet>(block_row.from(0, j), Factor(n.from(i, j)), inverse.from(j, j),
                          {kDeltaBlock, i - j, kDeltaBlock});
    multiply<Sum::kSet>(inverse.from(i, 0), Factor(inverse.from(i, i)), block_row,
                        {kDeltaBlock, kDeltaBlock, i});
  }
}

/// -L = -beta M * D; what is read of it lies below the diagonal.
void fill_lower(const ForwardWorkspace& w, const Gates& gates, std::int64_t rows) {
  for (std::int64_t i = 0; i < rows; ++i)
    for (std::int64_t j = 0; j < delta_padded(i + 1); j += kLanes)
      store_lanes(w.lower.row(i) + j,
                  -gates.beta[i] * load_lanes(w.kk.row(i) + j) * load_lanes(w.decay.row(i) + j));
}

void forward_head(const DeltaSizes& n, const DeltaForward& a, ForwardWorkspace w,
                  const Chunk& chunk, std::int64_t head) {
  const std::int64_t rows = chunk.padded_rows;
  const std::int64_t stride = n.value_heads * n.value_size;
  const std::int64_t values = chunk.first * stride + head * n.value_size;
  const std::int64_t gate = chunk.first * n.value_heads + head;
  const Gates gates(a.in.g + gate, a.in.beta + gate, n.value_heads, chunk);
  const Matrix state = w.state(head);
  if (a.saved.states != nullptr) {
    const SavedChunk saved(n, a.saved, chunk.index, head);
    w.inverse = saved.inverse;
    w.written = saved.written;
    scale(saved.state, 1.0F, state, w.keys);  // a copy
  }

  fill_scores(w, gates, a.in.scale, rows);
  fill_lower(w, gates, rows);
  invert(w.inverse, w.lower, w.block_row, rows);

  // U = A (beta * (V - e^gamma * (K H)))
  load_rows(w.written, rows, a.in.v + values, stride, chunk.rows, n.value_size);
  multiply<Sum::kSet>(w.residual, Factor(w.k), state, {rows, w.keys, w.values});
  for (std::int64_t i = 0; i < rows; ++i)
    for (std::int64_t j = 0; j < w.values; j += kLanes)
      store_lanes(w.residual.row(i) + j,
                  gates.beta[i] * (load_lanes(w.written.row(i) + j) -
                                   gates.since_start[i] * load_lanes(w.residual.row(i) + j)));
  multiply<Sum::kSet, Part::kLeftIsLower>(w.written, Factor(w.inverse), w.residual,
                                          {rows, rows, w.values});

  // O = s e^gamma * (Q H) + P U
  multiply<Sum::kSet>(w.out, Factor(w.q), state, {rows, w.keys, w.values});
  scale_rows(w.out, a.in.scale, gates.since_start, w.out, rows);
  multiply<Sum::kAdd, Part::kLeftIsLower>(w.out, Factor(w.scores), w.written,
                                          {rows, rows, w.values});
  store_rows(a.o + values, stride, w.out, chunk.rows, n.value_size);

  // H = e^Gamma H + K^T (e^(Gamma - gamma) * U)
  scale_rows(w.residual, 1.0F, gates.until_end, w.written, rows);
  scale(state, gates.whole, state, w.keys);
  multiply<Sum::kAdd>(state, Transposed(w.k), w.residual, {w.keys, rows, w.values});
}

void forward(const DeltaSizes& n, const DeltaForward& a) {
  const ForwardWorkspace w(n, a.scratch);
  load_states(n, w, a.h0);
  for (std::int64_t index = 0; index < Chunk::count(n, a.in); ++index) {
    const Chunk chunk(n, a.in, index);
    const std::int64_t rows = chunk.padded_rows;
    load_keys(n, a.in, chunk, w);
    multiply<Sum::kSet, Part::kLowerOfOut>(w.kk, Factor(w.k), w.k_columns, {rows, w.keys, rows});
    for (std::int64_t head = 0; head < delta_group(n); ++head) forward_head(n, a, w, chunk, head);
  }
  store_states(n, a.final_state, w);
}

}  // namespace

DeltaForwardKernel delta_forward_kernel() { return {scratch<ForwardWorkspace>, forward}; }

}  // namespace polaris::kernels::POLARIS_ISA
