#include "nn/kernels/delta_chunk_parts.h"

namespace polaris::kernels::POLARIS_ISA {
namespace {

struct BackwardWorkspace : Workspace {
  BackwardWorkspace(const DeltaSizes& n, float* memory) : Workspace(n, memory) {
    y = take(chunk, chunk);
    d_o = take(chunk, values);
    d_written = take(chunk, values);
    d_residual = take(chunk, values);
    dv = take(chunk, values);
    scaled = take(chunk, values);
    written_columns = take(values, chunk);
    state_columns = take(values, keys);
    d_key = take(chunk, keys);
    dq = take(chunk, keys);
    dk = take(chunk, keys);
  }

  Matrix& z() { return scores; }  // P is not needed any more when Z is made

  Matrix y;                // Y
  Matrix d_o;              // dO
  Matrix d_written;        // dU
  Matrix d_residual;       // dR
  Matrix dv;               // dV
  Matrix scaled;           // a [C, V] matrix whose rows are scaled by the gates
  Matrix written_columns;  // U transposed
  Matrix state_columns;    // H, later G, transposed
  Matrix d_key;            // one share of dQ or dK
  Matrix dq, dk;           // sums over the value heads
};

/// One chunk and value head.
struct BackwardHead {
  BackwardHead(const DeltaSizes& sizes, const DeltaBackward& arguments,
               const BackwardWorkspace& workspace, const Chunk& tokens, std::int64_t head)
      : n(sizes),
        a(arguments),
        w(workspace),
        chunk(tokens),
        rows(tokens.padded_rows),
        stride(n.value_heads * n.value_size),
        values(chunk.first * stride + head * n.value_size),
        gate(chunk.first * n.value_heads + head),
        gates(a.in.g + gate, a.in.beta + gate, n.value_heads, chunk),
        saved(n, a.saved, chunk.index, head),
        d_state(w.state(head)) {}

  void run() {
    fill_scores(w, gates, a.in.scale, rows);
    load_rows(w.d_o, rows, a.d_o + values, stride, chunk.rows, n.value_size);
    written();
    residual();
    scores();
    keys();
    decay();
    state();
  }

  /// dU = P^T dO + e^(Gamma - gamma) * (K G)
  void written() {
    multiply<Sum::kSet>(w.d_written, Factor(w.k), d_state, {rows, w.keys, w.values});
    scale_rows(w.d_written, 1.0F, gates.until_end, w.d_written, rows);
    for (std::int64_t i = 0; i < rows; ++i)
      outlived[i] = dot(w.d_written.row(i), saved.written.row(i), w.values);
    multiply<Sum::kAdd, Part::kLeftIsUpper>(w.d_written, Transposed(w.scores), w.d_o,
                                            {rows, rows, w.values});
  }

  /// dR = A^T dU;  dV = beta * dR;  dbeta = dR . U / beta
  void residual() {
    multiply<Sum::kSet, Part::kLeftIsUpper>(w.d_residual, Transposed(saved.inverse), w.d_written,
                                            {rows, rows, w.values});
    for (std::int64_t i = 0; i < chunk.rows; ++i) {
      const float beta = gates.beta[i] > 1e-20F ? gates.beta[i] : 1e-20F;
      a.dbeta[gate + i * n.value_heads] =
          dot(w.d_residual.row(i), saved.written.row(i), w.values) / beta;
    }
    scale_rows(w.dv, 1.0F, gates.beta, w.d_residual, rows);
    store_rows(a.dv + values, stride, w.dv, chunk.rows, n.value_size);
  }

  /// Y = -(dV U^T) * D below the diagonal;  Z = s (dO U^T) * D down to it
  void scores() {
    transpose(w.written_columns, saved.written, rows, w.values);
    const Extent extent{rows, w.values, rows};
    multiply<Sum::kSet, Part::kLowerOfOut>(w.y, Factor(w.dv), w.written_columns, extent);
    multiply<Sum::kSet, Part::kLowerOfOut>(w.z(), Factor(w.d_o), w.written_columns, extent);
    for (std::int64_t i = 0; i < rows; ++i) {
      for (std::int64_t j = 0; j < delta_padded(i + 1); j += kLanes) {
        const Lanes decay = load_lanes(w.decay.row(i) + j);
        store_lanes(w.y.row(i) + j, -decay * load_lanes(w.y.row(i) + j));
        store_lanes(w.z().row(i) + j, a.in.scale * decay * load_lanes(w.z().row(i) + j));
      }
      w.y.row(i)[i] = 0.0F;
    }
  }

  /// dQ = (s e^gamma * dO) H^T + Z K
  /// dK = -(e^gamma * dV) H^T + Y K                        k as reader of the state
  ///    + Y^T K + Z^T Q + (e^(Gamma - gamma) * U) G^T      k as writer
  void keys() {
    const Extent within{rows, rows, w.keys};
    const Extent across{rows, w.values, w.keys};
    transpose(w.state_columns, saved.state, w.keys, w.values);
    scale_rows(w.scaled, a.in.scale, gates.since_start, w.d_o, rows);
    multiply<Sum::kSet>(w.d_key, Factor(w.scaled), w.state_columns, across);
    multiply<Sum::kAdd, Part::kLeftIsLower>(w.d_key, Factor(w.z()), w.k, within);
    add_dots(1.0F, w.q);
    add_share(w.dq);

    scale_rows(w.scaled, -1.0F, gates.since_start, w.dv, rows);
    multiply<Sum::kSet>(w.d_key, Factor(w.scaled), w.state_columns, across);
    multiply<Sum::kAdd, Part::kLeftIsLower>(w.d_key, Factor(w.y), w.k, within);
    add_dots(1.0F, w.k);
    add_share(w.dk);

    transpose(w.state_columns, d_state, w.keys, w.values);
    scale_rows(w.scaled, 1.0F, gates.until_end, saved.written, rows);
    multiply<Sum::kSet, Part::kLeftIsUpper>(w.d_key, Transposed(w.y), w.k, within);
    multiply<Sum::kAdd, Part::kLeftIsUpper>(w.d_key, Transposed(w.z()), w.q, within);
    add_dots(-1.0F, w.k);
    multiply<Sum::kAdd>(w.d_key, Factor(w.scaled), w.state_columns, across);
    add_share(w.dk);
  }

  /// d_gamma_i += sign * x_i . d_key_i
  void add_dots(float sign, Matrix x) {
    for (std::int64_t i = 0; i < rows; ++i)
      d_gamma[i] += sign * dot(x.row(i), w.d_key.row(i), w.keys);
  }

  /// total += d_key
  void add_share(Matrix total) {
    for (std::int64_t i = 0; i < rows * w.keys; i += kLanes)
      store_lanes(total.data + i, load_lanes(total.data + i) + load_lanes(w.d_key.data + i));
  }

  /// e^g_t is in everything that is carried from before t to t or beyond: in what tokens from t on
  /// read (d_gamma_t + ... + d_gamma_C; e^gamma_i comes with every reader, e^-gamma_i with every
  /// writer), in what earlier tokens wrote and the chunk's end still holds, and in what the end
  /// holds of H. The last two are A.3's share of Gamma without what cancels in d_gamma.
  void decay() {
    double kept = 0.0;
    for (std::int64_t i = 0; i < w.keys; ++i)
      kept += gates.whole * dot(d_state.row(i), saved.state.row(i), w.values);
    for (std::int64_t i = 0; i < chunk.rows; ++i) kept += outlived[i];
    double read = 0.0;
    for (std::int64_t i = chunk.rows; i-- > 0;) {
      read += d_gamma[i];
      kept -= outlived[i];
      a.dg[gate + i * n.value_heads] = static_cast<float>(read + kept);
    }
  }

  /// G = e^Gamma G + Q^T (s e^gamma * dO) - K^T (e^gamma * dV)
  void state() {
    const Extent extent{w.keys, rows, w.values};
    scale(d_state, gates.whole, d_state, w.keys);
    scale_rows(w.scaled, a.in.scale, gates.since_start, w.d_o, rows);
    multiply<Sum::kAdd>(d_state, Transposed(w.q), w.scaled, extent);
    scale_rows(w.scaled, -1.0F, gates.since_start, w.dv, rows);
    multiply<Sum::kAdd>(d_state, Transposed(w.k), w.scaled, extent);
  }

  const DeltaSizes& n;
  const DeltaBackward& a;
  BackwardWorkspace w;
  const Chunk& chunk;
  std::int64_t rows, stride;
  std::int64_t values, gate;  // offsets of the chunk's first value and gate
  Gates gates;
  SavedChunk saved;
  Matrix d_state;                       // G
  double d_gamma[kMaxDeltaChunk] = {};  // of tokens within the chunk
  double outlived[kMaxDeltaChunk];      // <G, what token i wrote>
};

void backward(const DeltaSizes& n, const DeltaBackward& a) {
  const BackwardWorkspace w(n, a.scratch);
  const std::int64_t stride = n.key_heads * n.key_size;
  load_states(n, w, a.d_final_state);
  for (std::int64_t index = Chunk::count(n, a.in); index-- > 0;) {
    const Chunk chunk(n, a.in, index);
    load_keys(n, a.in, chunk, w);
    clear(w.dq.data, chunk.padded_rows * w.keys);
    clear(w.dk.data, chunk.padded_rows * w.keys);
    for (std::int64_t head = 0; head < delta_group(n); ++head)
      BackwardHead(n, a, w, chunk, head).run();
    store_rows(a.dq + chunk.first * stride, stride, w.dq, chunk.rows, n.key_size);
    store_rows(a.dk + chunk.first * stride, stride, w.dk, chunk.rows, n.key_size);
  }
  if (a.dh0 != nullptr) store_states(n, a.dh0, w);
}

}  // namespace

DeltaBackwardKernel delta_backward_kernel() { return {scratch<BackwardWorkspace>, backward}; }

}  // namespace polaris::kernels::POLARIS_ISA
