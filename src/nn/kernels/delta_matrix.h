/// Products of small float32 matrices that lie in the cache. Every size is a multiple of
/// kDeltaBlock, so that no loop has a remainder; whoever fills a matrix pads it with zeros.
///
/// Included by kernels/*_kernels.cpp only: everything here is in the namespace of one instruction
/// set (simd.h says why).
#pragma once

#include <cstdint>
#include <utility>

#include "nn/kernels/delta_chunk.h"
#include "nn/kernels/simd.h"

namespace polaris::kernels::POLARIS_ISA {

#if defined(__AVX512F__)
constexpr int kLanes = 16;
constexpr int kTileRows = 8;
#elif defined(__AVX2__)
constexpr int kLanes = 8;
constexpr int kTileRows = 4;
#else
constexpr int kLanes = 4;
constexpr int kTileRows = 4;
#endif
constexpr int kTileVectors = 2;

using Lanes [[gnu::vector_size(kLanes * sizeof(float))]] = float;

POLARIS_INLINE Lanes load_lanes(const float* from) {
  Lanes x;
  __builtin_memcpy(&x, from, sizeof x);
  return x;
}
POLARIS_INLINE void store_lanes(float* to, const Lanes& x) { __builtin_memcpy(to, &x, sizeof x); }

/// Row-major; the number of rows is known to whoever uses it.
struct Matrix {
  float* data = nullptr;
  std::int64_t stride = 0;  ///< from one row to the next; the number of columns if they are whole

  float* row(std::int64_t i) const { return data + i * stride; }
  /// The part that begins at (i, j).
  Matrix from(std::int64_t i, std::int64_t j) const { return {row(i) + j, stride}; }
};

/// A left factor: a matrix as it is, and one that is read transposed.
struct Factor {
  explicit Factor(Matrix matrix) : m(matrix) {}
  float at(std::int64_t i, std::int64_t p) const { return m.data[i * m.stride + p]; }
  Matrix m;
};
struct Transposed {
  explicit Transposed(Matrix matrix) : m(matrix) {}
  float at(std::int64_t i, std::int64_t p) const { return m.data[p * m.stride + i]; }
  Matrix m;
};

enum class Sum { kSet, kAdd };

/// What is known to be zero, or not wanted, in out = left * right.
enum class Part {
  kAll,
  kLeftIsLower,  ///< left(i, p) = 0 for p > i
  kLeftIsUpper,  ///< left(i, p) = 0 for p < i
  kLowerOfOut,   ///< out(i, j) is left as it was, or set to anything, for j > i
};

struct Extent {
  std::int64_t rows, inner, columns;
};

/// out(i.., j..) of one tile, which stays in registers while p runs over [begin, end).
template <int kRows, int kVectors, Sum kSum, class Left>
POLARIS_INLINE void multiply_tile(Matrix out, Left left, Matrix right, std::int64_t i,
                                  std::int64_t j, std::int64_t begin, std::int64_t end) {
  Lanes sum[kRows][kVectors];
  for (int r = 0; r < kRows; ++r)
    for (int c = 0; c < kVectors; ++c)
      sum[r][c] = kSum == Sum::kAdd ? load_lanes(out.row(i + r) + j + c * kLanes) : Lanes{};
  for (std::int64_t p = begin; p < end; ++p) {
    Lanes b[kVectors];
    for (int c = 0; c < kVectors; ++c) b[c] = load_lanes(right.row(p) + j + c * kLanes);
    for (int r = 0; r < kRows; ++r) {
      const float a = left.at(i + r, p);
      for (int c = 0; c < kVectors; ++c) sum[r][c] += a * b[c];
    }
  }
  for (int r = 0; r < kRows; ++r)
    for (int c = 0; c < kVectors; ++c) store_lanes(out.row(i + r) + j + c * kLanes, sum[r][c]);
}

template <int kRows, int kVectors, Sum kSum, Part kPart, class Left>
POLARIS_INLINE void multiply_columns(Matrix out, Left left, Matrix right, Extent n,
                                     std::int64_t j) {
  for (std::int64_t i = 0; i < n.rows; i += kRows) {
    if (kPart == Part::kLowerOfOut && j >= i + kRows) continue;
    const std::int64_t begin = kPart == Part::kLeftIsUpper ? i : 0;
    const std::int64_t end = kPart == Part::kLeftIsLower ? i + kRows : n.inner;
    multiply_tile<kRows, kVectors, kSum>(out, left, right, i, j, begin, end);
  }
}

/// out = left * right, or out += left * right.
template <Sum kSum, Part kPart = Part::kAll, class Left>
void multiply(Matrix out, Left left, Matrix right, Extent n) {
  constexpr std::int64_t kWide = kTileVectors * kLanes;
  std::int64_t j = 0;
  for (; j + kWide <= n.columns; j += kWide)
    multiply_columns<kTileRows, kTileVectors, kSum, kPart>(out, left, right, n, j);
  for (; j < n.columns; j += kLanes)
    multiply_columns<2 * kTileRows, 1, kSum, kPart>(out, left, right, n, j);
}

/// Lanes j with (j & kDistance) != 0 of `low` change places with the others of `high`.
template <int kDistance, std::size_t... j>
POLARIS_INLINE void exchange(Lanes& low, Lanes& high, std::index_sequence<j...>) {
  const Lanes a = low;
  const Lanes b = high;
  low = __builtin_shufflevector(a, b, ((j & kDistance) != 0 ? kLanes + j - kDistance : j)...);
  high = __builtin_shufflevector(a, b, ((j & kDistance) != 0 ? kLanes + j : j + kDistance)...);
}

template <int kDistance>
POLARIS_INLINE void exchange_rows(Lanes* row) {
  for (int i = 0; i < kLanes; ++i)
    if ((i & kDistance) == 0)
      exchange<kDistance>(row[i], row[i + kDistance], std::make_index_sequence<kLanes>());
}

/// out(j, i) = in(i, j) for rows x columns of `in`.
inline void transpose(Matrix out, Matrix in, std::int64_t rows, std::int64_t columns) {
  for (std::int64_t i = 0; i < rows; i += kLanes) {
    for (std::int64_t j = 0; j < columns; j += kLanes) {
      Lanes row[kLanes];
      for (int r = 0; r < kLanes; ++r) row[r] = load_lanes(in.row(i + r) + j);
      exchange_rows<1>(row);
      exchange_rows<2>(row);
      if constexpr (kLanes > 4) exchange_rows<4>(row);
      if constexpr (kLanes > 8) exchange_rows<8>(row);
      for (int r = 0; r < kLanes; ++r) store_lanes(out.row(j + r) + i, row[r]);
    }
  }
}

/// out = factor * in; rows are whole in both.
inline void scale(Matrix out, float factor, Matrix in, std::int64_t rows) {
  for (std::int64_t i = 0; i < rows * out.stride; i += kLanes)
    store_lanes(out.data + i, factor * load_lanes(in.data + i));
}

/// out(i, :) = factor * factors[i] * in(i, :); rows are whole.
inline void scale_rows(Matrix out, float factor, const float* factors, Matrix in,
                       std::int64_t rows) {
  for (std::int64_t i = 0; i < rows; ++i)
    for (std::int64_t j = 0; j < out.stride; j += kLanes)
      store_lanes(out.row(i) + j, factor * factors[i] * load_lanes(in.row(i) + j));
}

/// Lane j and lane j ^ kDistance added, in both.
template <int kDistance, std::size_t... j>
POLARIS_INLINE Lanes folded(Lanes x, std::index_sequence<j...>) {
  return x + __builtin_shufflevector(x, x, (j ^ kDistance)...);
}

/// a[0] * b[0] + ... + a[columns - 1] * b[columns - 1]
inline float dot(const float* a, const float* b, std::int64_t columns) {
  constexpr auto kAll = std::make_index_sequence<kLanes>();
  Lanes sum{};
  for (std::int64_t j = 0; j < columns; j += kLanes) sum += load_lanes(a + j) * load_lanes(b + j);
  if constexpr (kLanes > 8) sum = folded<8>(sum, kAll);
  if constexpr (kLanes > 4) sum = folded<4>(sum, kAll);
  return folded<1>(folded<2>(sum, kAll), kAll)[0];
}

}  // namespace polaris::kernels::POLARIS_ISA
