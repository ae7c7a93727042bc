#pragma once

#include "nn/cuda/blocks.h"

namespace polaris::cuda {

/// Sums over rows in a fixed order, for gradients of weights: partials[b][j] = the sum of
/// term(row, j) over the rows of block b. An index is a block of rows and a tile of columns, of
/// which each lane has one.
template <class Term>
struct ColumnSums {
  static constexpr int kLanes = 256;
  static constexpr const char* kName = Term::kName;
  static constexpr std::int64_t kRows = 64;  ///< of a block

  Term term;
  std::int64_t rows, width;
  float* partials;  ///< [blocks(), width]

  std::int64_t blocks() const { return (rows + kRows - 1) / kRows; }
  std::int64_t indices() const { return blocks() * ((width + kLanes - 1) / kLanes); }

  template <class Block>
  POLARIS_DEVICE void operator()(const Block& block, std::int64_t index) const {
    const std::int64_t tiles = (width + kLanes - 1) / kLanes;
    const std::int64_t rows_block = index / tiles, begin = rows_block * kRows;
    const std::int64_t end = begin + kRows < rows ? begin + kRows : rows;
    block.each([&](int lane) {
      const std::int64_t column = index % tiles * kLanes + lane;
      if (column >= width) return;
      float sum = 0;
      for (std::int64_t row = begin; row < end; ++row) sum += term(row, column);
      partials[rows_block * width + column] = sum;
    });
  }
};

}  // namespace polaris::cuda
