#include "nn/kernels/row_product_kernels.h"

#include "nn/kernels/simd.h"

namespace polaris::kernels::POLARIS_ISA {
namespace {

#if defined(__AVX512F__)
constexpr int kWidth = 16;
constexpr int kMaxRows = 8;  // that share a load of the weights
#elif defined(__AVX2__)
constexpr int kWidth = 8;
constexpr int kMaxRows = 6;
#else
constexpr int kWidth = 4;
constexpr int kMaxRows = 4;
#endif
constexpr int kVectors = 2;  // of a panel
constexpr std::int64_t kPanel = kVectors * kWidth;

using Lanes [[gnu::vector_size(kWidth * sizeof(float))]] = float;

POLARIS_INLINE Lanes load_lanes(const float* from) {
  Lanes x;
  __builtin_memcpy(&x, from, sizeof x);
  return x;
}
POLARIS_INLINE void store_lanes(float* to, const Lanes& x) { __builtin_memcpy(to, &x, sizeof x); }

POLARIS_INLINE std::int64_t smaller(std::int64_t a, std::int64_t b) { return a < b ? a : b; }

void pack(const float* weight, std::int64_t columns, std::int64_t k, float* packed,
          std::int64_t begin, std::int64_t end) {
  for (std::int64_t panel = begin; panel < end; ++panel) {
    float* to = packed + panel * k * kPanel;
    for (std::int64_t j = 0; j < kPanel; ++j) {
      const std::int64_t column = panel * kPanel + j;
      for (std::int64_t i = 0; i < k; ++i)
        to[i * kPanel + j] = column < columns ? weight[column * k + i] : 0.0F;
    }
  }
}

/// `count` columns of one panel for kRows rows.
template <int kRows>
POLARIS_INLINE void multiply_rows(const float* x, std::int64_t k, const float* panel, float* y,
                                  std::int64_t stride, std::int64_t count) {
  Lanes sums[kRows][kVectors] = {};
  for (std::int64_t i = 0; i < k; ++i) {
    for (int v = 0; v < kVectors; ++v) {
      const Lanes w = load_lanes(panel + i * kPanel + v * kWidth);
      for (int r = 0; r < kRows; ++r) sums[r][v] += x[r * k + i] * w;
    }
  }
  for (int r = 0; r < kRows; ++r) {
    float tail[kPanel];
    float* to = count == kPanel ? y + r * stride : tail;
    for (int v = 0; v < kVectors; ++v) store_lanes(to + v * kWidth, sums[r][v]);
    if (to != tail) continue;
    for (std::int64_t j = 0; j < count; ++j) y[r * stride + j] = tail[j];
  }
}

template <int kRows>
void multiply_some(std::int64_t rows, const float* x, std::int64_t k, const float* panel, float* y,
                   std::int64_t stride, std::int64_t count) {
  if constexpr (kRows > 0) {
    if (rows == kRows) {
      multiply_rows<kRows>(x, k, panel, y, stride, count);
    } else {
      multiply_some<kRows - 1>(rows, x, k, panel, y, stride, count);
    }
  }
}

void multiply(const float* x, std::int64_t rows, std::int64_t k, const float* packed, float* y,
              std::int64_t columns, std::int64_t begin, std::int64_t end) {
  // Blocks of rows of nearly the same size: a small one at the end would wait for its sums.
  const std::int64_t blocks = (rows + kMaxRows - 1) / kMaxRows;
  for (std::int64_t panel = begin; panel < end; ++panel) {
    const std::int64_t count = smaller(kPanel, columns - panel * kPanel);
    for (std::int64_t b = 0; b < blocks; ++b) {
      const std::int64_t first = b * rows / blocks, last = (b + 1) * rows / blocks;
      multiply_some<kMaxRows>(last - first, x + first * k, k, packed + panel * k * kPanel,
                              y + first * columns + panel * kPanel, columns, count);
    }
  }
}

}  // namespace

RowProductKernels row_product_kernels() { return {kPanel, pack, multiply}; }

}  // namespace polaris::kernels::POLARIS_ISA
