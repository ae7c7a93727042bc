/// What the forward and the backward of a chunk share. Names as in specs/performance.md A.2.
///
/// Included by kernels/*_kernels.cpp only (delta_matrix.h says why).
#pragma once

#include "nn/kernels/delta_chunk.h"
#include "nn/kernels/delta_matrix.h"

namespace polaris::kernels::POLARIS_ISA {

/// The tokens of one chunk: [first, first + rows) of the sequence, chunk number `index`.
struct Chunk {
  Chunk(const DeltaSizes& n, const DeltaSequence& in, std::int64_t index_)
      : index(index_), first(index_ * n.chunk_length), rows(in.tokens - first) {
    if (rows > n.chunk_length) rows = n.chunk_length;
    padded_rows = delta_padded(rows);
  }

  std::int64_t index, first, rows, padded_rows;

  static std::int64_t count(const DeltaSizes& n, const DeltaSequence& in) {
    return (in.tokens + n.chunk_length - 1) / n.chunk_length;
  }
};

/// The gates of one chunk and value head. Padded rows have g = beta = 0: they write nothing and
/// leave the state as it is.
struct Gates {
  /// @param g, b  of the chunk's first token, `stride` elements from one token to the next
  Gates(const float* g, const float* b, std::int64_t stride, const Chunk& chunk) {
    double sum = 0.0;
    for (std::int64_t i = 0; i < chunk.padded_rows; ++i) {
      sum += i < chunk.rows ? g[i * stride] : 0.0F;
      gamma[i] = sum;
      beta[i] = i < chunk.rows ? b[i * stride] : 0.0F;
    }
    for (std::int64_t i = 0; i < chunk.padded_rows; ++i) {
      since_start[i] = exp(static_cast<float>(gamma[i]));
      until_end[i] = exp(static_cast<float>(sum - gamma[i]));
    }
    whole = exp(static_cast<float>(sum));
  }

  double gamma[kMaxDeltaChunk];  ///< g_1 + ... + g_i; double, because D is made of differences
  float beta[kMaxDeltaChunk];
  float since_start[kMaxDeltaChunk];  ///< e^gamma_i
  float until_end[kMaxDeltaChunk];    ///< e^(Gamma - gamma_i)
  float whole;                        ///< e^Gamma
};

/// Matrices in scratch memory that both passes use.
struct Workspace {
  /// @param memory  null: only `used` is of interest
  Workspace(const DeltaSizes& n, float* memory)
      : chunk(n.chunk_length),
        keys(delta_padded(n.key_size)),
        values(delta_padded(n.value_size)),
        base(memory) {
    q = take(chunk, keys);
    k = take(chunk, keys);
    k_columns = take(keys, chunk);
    qk = take(chunk, chunk);
    decay = take(chunk, chunk);
    scores = take(chunk, chunk);
    states = take(delta_group(n) * keys, values);
  }

  Matrix take(std::int64_t rows, std::int64_t columns) {
    const Matrix matrix{base == nullptr ? nullptr : base + used, columns};
    used += rows * columns;
    return matrix;
  }
  /// The state of a value head (backward: its gradient).
  Matrix state(std::int64_t head) const { return {states.row(head * keys), values}; }

  std::int64_t chunk, keys, values;  // C, padded K and V
  float* base;
  std::int64_t used = 0;  // floats
  Matrix q, k;
  Matrix k_columns;  // k transposed
  Matrix qk;         // Q K^T
  Matrix decay;      // D
  Matrix scores;     // P
  Matrix states;
};

/// Floats that a workspace takes up.
template <class AnyWorkspace>
std::int64_t scratch(const DeltaSizes& n) {
  return AnyWorkspace(n, nullptr).used;
}

/// The saved matrices of one chunk and value head.
struct SavedChunk {
  SavedChunk(const DeltaSizes& n, const DeltaSaved& saved, std::int64_t index, std::int64_t head) {
    const std::int64_t c = n.chunk_length;
    const std::int64_t keys = delta_padded(n.key_size);
    const std::int64_t values = delta_padded(n.value_size);
    const std::int64_t slot = index * n.value_heads + head;
    inverse = {saved.inverse + slot * c * c, c};
    written = {saved.written + slot * c * values, values};
    state = {saved.states + slot * keys * values, values};
  }

  Matrix inverse, written, state;
};

POLARIS_INLINE void copy(float* to, const float* from, std::int64_t count) {
  std::int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) store_lanes(to + i, load_lanes(from + i));
  for (; i < count; ++i) to[i] = from[i];
}

POLARIS_INLINE void clear(float* to, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) to[i] = 0.0F;
}

/// `rows` x `columns` at `from`, padded with zeros to all of `out`, which has `out_rows`.
inline void load_rows(Matrix out, std::int64_t out_rows, const float* from,
                      std::int64_t from_stride, std::int64_t rows, std::int64_t columns) {
  for (std::int64_t i = 0; i < rows; ++i) {
    copy(out.row(i), from + i * from_stride, columns);
    clear(out.row(i) + columns, out.stride - columns);
  }
  clear(out.row(rows), (out_rows - rows) * out.stride);
}

inline void store_rows(float* to, std::int64_t to_stride, Matrix in, std::int64_t rows,
                       std::int64_t columns) {
  for (std::int64_t i = 0; i < rows; ++i) copy(to + i * to_stride, in.row(i), columns);
}

/// The states of a key head's value heads from and to [group, K, V]; from null: zero.
inline void load_states(const DeltaSizes& n, const Workspace& w, const float* from) {
  const std::int64_t heads = delta_group(n);
  if (from == nullptr) return clear(w.states.data, heads * w.keys * w.values);
  for (std::int64_t head = 0; head < heads; ++head)
    load_rows(w.state(head), w.keys, from + head * n.key_size * n.value_size, n.value_size,
              n.key_size, n.value_size);
}
inline void store_states(const DeltaSizes& n, float* to, const Workspace& w) {
  for (std::int64_t head = 0; head < delta_group(n); ++head)
    store_rows(to + head * n.key_size * n.value_size, n.value_size, w.state(head), n.key_size,
               n.value_size);
}

/// What the value heads share: q, k and their products.
inline void load_keys(const DeltaSizes& n, const DeltaSequence& in, const Chunk& chunk,
                      const Workspace& w) {
  const std::int64_t stride = n.key_heads * n.key_size;
  const std::int64_t rows = chunk.padded_rows;
  load_rows(w.q, rows, in.q + chunk.first * stride, stride, chunk.rows, n.key_size);
  load_rows(w.k, rows, in.k + chunk.first * stride, stride, chunk.rows, n.key_size);
  transpose(w.k_columns, w.k, rows, w.keys);
  multiply<Sum::kSet, Part::kLowerOfOut>(w.qk, Factor(w.q), w.k_columns, {rows, w.keys, rows});
}

/// D and P = s (Q K^T) * D, in and below the diagonal blocks; zero above the diagonal.
inline void fill_scores(const Workspace& w, const Gates& gates, float scale, std::int64_t rows) {
  for (std::int64_t i = 0; i < rows; ++i) {
    const std::int64_t end = delta_padded(i + 1);
    float* decay = w.decay.row(i);
    for (std::int64_t j = 0; j < end; ++j)
      decay[j] = j <= i ? static_cast<float>(gates.gamma[i] - gates.gamma[j]) : 0.0F;
    for (std::int64_t j = 0; j < end; ++j) decay[j] = exp(decay[j]);
    for (std::int64_t j = i + 1; j < end; ++j) decay[j] = 0.0F;
    for (std::int64_t j = 0; j < end; j += kLanes)
      store_lanes(w.scores.row(i) + j, scale * load_lanes(w.qk.row(i) + j) * load_lanes(decay + j));
  }
}

}  // namespace polaris::kernels::POLARIS_ISA
