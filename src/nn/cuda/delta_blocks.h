/// The delta rule's kernels for a GPU (blocks.h); nn/delta_tensors.cpp has the rest of its form.
#pragma once

#include <cmath>

#include "nn/cuda/blocks.h"

namespace polaris::cuda {

/// D [C, C] of every chunk and head: e^(gamma_i - gamma_j) where i >= j, else 0. The difference is
/// made in double: both may be large. An index is a row of one.
template <class T>
struct DecayMatrix {
  static constexpr int kLanes = 32;
  static constexpr const char* kName = "decay_matrix";

  const double* gamma;  ///< [matrices, C]
  T* decay;             ///< [matrices, C, C]
  std::int64_t size;    ///< C

  template <class Block>
  POLARIS_DEVICE void operator()(const Block& block, std::int64_t index) const {
    const double* row = gamma + index / size * size;
    const std::int64_t i = index % size;
    block.each([&](int lane) {
      for (std::int64_t j = lane; j < size; j += kLanes)
        decay[index * size + j] = j <= i ? std::exp(static_cast<T>(row[i] - row[j])) : T{0};
    });
  }
};

/// What the gradient of the gates needs of every row of k, sums in double. An index is a row.
template <class T>
struct GateDots {
  static constexpr int kLanes = 32;
  static constexpr const char* kName = "gate_dots";

  std::int64_t width;                                         ///< K
  const T *q, *k, *d_q, *d_k_read, *d_k_write, *d_k_outlive;  ///< [rows, K]
  double* d_gamma;   ///< [rows] q . d_q + k . (d_k_read - d_k_write)
  double* outlived;  ///< [rows] k . d_k_outlive

  template <class Block>
  POLARIS_DEVICE void operator()(const Block& block, std::int64_t row) const {
    const std::int64_t first = row * width;
    const double here = block.sum([&](int lane) {
      double own = 0;
      for (std::int64_t i = first + lane; i < first + width; i += kLanes)
        own += static_cast<double>(q[i] * d_q[i] + k[i] * (d_k_read[i] - d_k_write[i]));
      return own;
    });
    const double later = block.sum([&](int lane) {
      double own = 0;
      for (std::int64_t i = first + lane; i < first + width; i += kLanes)
        own += static_cast<double>(k[i] * d_k_outlive[i]);
      return own;
    });
    block.each([&](int lane) {
      if (lane != 0) return;
      d_gamma[row] = here;
      outlived[row] = later;
    });
  }
};

/// sums[index] = the inner product of two matrices, in double.
template <class T>
struct MatrixDots {
  static constexpr int kLanes = 256;
  static constexpr const char* kName = "matrix_dots";

  std::int64_t size;  ///< elements of one
  const T *a, *b;
  double* sums;

  template <class Block>
  POLARIS_DEVICE void operator()(const Block& block, std::int64_t index) const {
    const double sum = block.sum([&](int lane) {
      double own = 0;
      for (std::int64_t i = index * size + lane; i < (index + 1) * size; i += kLanes)
        own += static_cast<double>(a[i] * b[i]);
      return own;
    });
    block.each([&](int lane) {
      if (lane == 0) sums[index] = sum;
    });
  }
};

/// inverse = (I + tril(l, -1))^-1 of matrices [C, C], by substitution in float32: what lies on and
/// above the diagonal of l is not read as part of it. Lanes have a column each, 32 of a matrix to
/// an index, and read only what they wrote themselves.
/// Why not a product of powers: specs/performance.md A.5.
struct UnitLowerInverse {
  static constexpr int kLanes = 32;
  static constexpr const char* kName = "unit_lower_inverse";
  static constexpr int kRows = 4;  ///< that are found together, from the same loads

  const float* l;
  float* inverse;
  std::int64_t size;  ///< C, a multiple of kRows

  std::int64_t tiles() const { return (size + kLanes - 1) / kLanes; }

  template <class Block>
  POLARIS_DEVICE void operator()(const Block& block, std::int64_t index) const {
    const std::int64_t matrix = index / tiles_of(size), first = index % tiles_of(size) * kLanes;
    const float* rows = l + matrix * size * size;
    float* columns = inverse + matrix * size * size;
    block.each([&](int lane) {
      const std::int64_t j = first + lane;
      if (j >= size) return;
      for (std::int64_t i = 0; i < first; ++i) columns[i * size + j] = 0;
      for (std::int64_t i = first; i < size; i += kRows) find_rows(rows, columns, i, first, j);
    });
  }

 private:
  POLARIS_DEVICE static std::int64_t tiles_of(std::int64_t size) {
    return (size + kLanes - 1) / kLanes;
  }

  /// Rows i .. i + kRows - 1 of column j, from those above; they are 0 above row `first`.
  POLARIS_DEVICE void find_rows(const float* rows, float* columns, std::int64_t i,
                                std::int64_t first, std::int64_t j) const {
    float found[kRows] = {};
    for (std::int64_t k = first; k < i; ++k) {
      const float above = columns[k * size + j];
      for (int r = 0; r < kRows; ++r) found[r] += rows[(i + r) * size + k] * above;
    }
    for (int r = 0; r < kRows; ++r) {
      float sum = found[r];
      for (int s = 0; s < r; ++s) sum += rows[(i + r) * size + i + s] * found[s];
      found[r] = (i + r == j ? 1.0F : 0.0F) - sum;
      columns[(i + r) * size + j] = found[r];
    }
  }
};

}  // namespace polaris::cuda
