#include "nn/kernels/row_product_kernels.h"

#include "nn/kernels/lanes.h"
#if defined(__AVX2__)
#include <immintrin.h>
#endif

namespace polaris::kernels::POLARIS_ISA {
namespace {

#if defined(__AVX512F__)
constexpr int kMaxRows = 8;  // that share a load of the weights
#elif defined(__AVX2__)
constexpr int kMaxRows = 6;
#else
constexpr int kMaxRows = 4;
#endif
constexpr int kVectors = 2;  // of a panel
constexpr std::int64_t kPanel = kVectors * kWidth;

POLARIS_INLINE std::int64_t smaller(std::int64_t a, std::int64_t b) { return a < b ? a : b; }

// How weights are stored: kDepth elements of kWidth columns are one vector, and a Weights when
// loaded. add() adds their products with kDepth elements of x, which are kOperand floats, to the
// columns' sums.

struct Float32 {
  static constexpr std::int64_t kDepth = 1;
  static constexpr std::int64_t kOperand = 1;
  static constexpr std::int64_t kVectorBytes = kWidth * sizeof(float);
  static constexpr std::int64_t kHeaderBytes = 0;  // of a panel
  using Weights = Lanes;

  POLARIS_INLINE Weights load(const std::byte* from) { return load_lanes(from); }
  POLARIS_INLINE void add(Lanes& sum, const Weights& w, const float* x) { sum += x[0] * w; }
  POLARIS_INLINE Lanes finish(const Lanes& sum, const std::byte*) { return sum; }

  static void pack_panel(const float* weight, std::int64_t columns, std::int64_t k, std::byte* to) {
    auto* elements = reinterpret_cast<float*>(to);
    for (std::int64_t j = 0; j < kPanel; ++j) {
      for (std::int64_t i = 0; i < k; ++i)
        elements[i * kPanel + j] = j < columns ? weight[j * k + i] : 0.0F;
    }
  }
};

/// The two elements of a column stand in one float's place, the even one in its lower half.
struct Bfloat16 {
  static constexpr std::int64_t kDepth = 2;
  static constexpr std::int64_t kVectorBytes = kWidth * sizeof(float);
  static constexpr std::int64_t kHeaderBytes = 0;

#if defined(__AVX512BF16__)
  static constexpr std::int64_t kOperand = 1;
  using Weights = __m512bh;

  POLARIS_INLINE Weights load(const std::byte* from) { return load_lanes<__m512bh>(from); }
  POLARIS_INLINE void add(Lanes& sum, const Weights& w, const float* x) {
    const auto pair = (__m512bh)_mm512_set1_epi32(__builtin_bit_cast(std::int32_t, x[0]));
    sum = _mm512_dpbf16_ps(sum, w, pair);
  }
#else
  static constexpr std::int64_t kOperand = 2;
  struct Weights {
    Lanes even, odd;
  };

  POLARIS_INLINE Weights load(const std::byte* from) {
    const auto bits = load_lanes<IntLanes>(from);
    return {(Lanes)(bits << 16), (Lanes)(bits & static_cast<std::int32_t>(0xffff0000U))};
  }
  POLARIS_INLINE void add(Lanes& sum, const Weights& w, const float* x) {
    sum += x[1] * w.odd;
    sum += x[0] * w.even;
  }
#endif
  POLARIS_INLINE Lanes finish(const Lanes& sum, const std::byte*) { return sum; }

  static void pack_panel(const float* weight, std::int64_t columns, std::int64_t k, std::byte* to) {
    auto* elements = reinterpret_cast<Bf16*>(to);
    for (std::int64_t j = 0; j < kPanel; ++j) {
      for (std::int64_t i = 0; i < k + k % 2; ++i)
        store(elements[(i / 2 * kPanel + j) * 2 + i % 2],
              j < columns && i < k ? weight[j * k + i] : 0.0F);
    }
  }
};

/// A panel begins with its columns' scales.
struct Int8 {
  static constexpr std::int64_t kDepth = 1;
  static constexpr std::int64_t kOperand = 1;
  static constexpr std::int64_t kVectorBytes = kWidth;
  static constexpr std::int64_t kHeaderBytes = kPanel * sizeof(float);
  using Weights = Lanes;

  POLARIS_INLINE Weights load(const std::byte* from) {
    IntLanes steps;
#if defined(__AVX512F__)  // the form without a mask makes g++ 12 warn
    steps = (IntLanes)_mm512_maskz_cvtepi8_epi32(0xffff, load_lanes<__m128i>(from));
#elif defined(__AVX2__)
    steps = (IntLanes)_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i*)from));
#else
    for (int j = 0; j < kWidth; ++j) steps[j] = static_cast<std::int8_t>(from[j]);
#endif
    return __builtin_convertvector(steps, Lanes);
  }
  POLARIS_INLINE void add(Lanes& sum, const Weights& w, const float* x) { sum += x[0] * w; }
  POLARIS_INLINE Lanes finish(const Lanes& sum, const std::byte* scales) {
    return sum * load_lanes(scales);
  }

  static void pack_panel(const float* weight, std::int64_t columns, std::int64_t k, std::byte* to) {
    auto* scales = reinterpret_cast<float*>(to);
    auto* steps = reinterpret_cast<std::int8_t*>(to + kHeaderBytes);
    for (std::int64_t j = 0; j < kPanel; ++j) {
      const float* column = weight + j * k;
      float largest = 0;
      for (std::int64_t i = 0; i < k && j < columns; ++i)
        largest = __builtin_fmaxf(largest, __builtin_fabsf(column[i]));
      const float inverse = largest > 0 ? 127.0F / largest : 0.0F;
      scales[j] = largest / 127.0F;
      for (std::int64_t i = 0; i < k; ++i)
        steps[i * kPanel + j] =
            j < columns ? static_cast<std::int8_t>(__builtin_lrintf(column[i] * inverse)) : 0;
    }
  }
};

template <class Storage>
std::int64_t panel_bytes(std::int64_t k) {
  const std::int64_t vectors = (k + Storage::kDepth - 1) / Storage::kDepth * kVectors;
  return Storage::kHeaderBytes + vectors * Storage::kVectorBytes;
}

template <class Storage>
void pack(const float* weight, std::int64_t columns, std::int64_t k, std::byte* packed,
          std::int64_t begin, std::int64_t end) {
  for (std::int64_t panel = begin; panel < end; ++panel) {
    const std::int64_t first = panel * kPanel;
    Storage::pack_panel(weight + first * k, smaller(kPanel, columns - first), k,
                        packed + panel * panel_bytes<Storage>(k));
  }
}

/// Rounded to bfloat16; where an instruction reads pairs of those, they are made here, from the
/// beginning of each row on.
void round_rows(float* x, std::int64_t rows, std::int64_t k) {
#if defined(__AVX512BF16__)
  for (std::int64_t r = 0; r < rows; ++r) {
    float* row = x + r * k;
    for (std::int64_t i = 0; i < k; i += 2) {
      Bf16 pair[2] = {};
      store(pair[0], row[i]);
      if (i + 1 < k) store(pair[1], row[i + 1]);
      __builtin_memcpy(row + i / 2, pair, sizeof pair);
    }
  }
#else
#pragma omp simd
  for (std::int64_t i = 0; i < rows * k; ++i) x[i] = rounded<Bf16>(x[i]);
#endif
}

/// kPanels panels for kRows rows; of the last of them, `count` columns are there.
template <class Storage, int kRows, int kPanels>
POLARIS_INLINE void multiply_rows(const float* x, std::int64_t k, const std::byte* packed, float* y,
                                  std::int64_t stride, std::int64_t count) {
  constexpr std::int64_t kOperand = Storage::kOperand;
  const std::int64_t panel_size = panel_bytes<Storage>(k);
  Lanes sums[kPanels][kRows][kVectors] = {};
  const auto add = [&](std::int64_t step, const float* from, std::int64_t row)
      __attribute__((always_inline)) {
    const std::byte* weights =
        packed + Storage::kHeaderBytes + step * kVectors * Storage::kVectorBytes;
#pragma GCC unroll 4
    for (int p = 0; p < kPanels; ++p) {
#pragma GCC unroll 2
      for (int v = 0; v < kVectors; ++v) {
        const auto w = Storage::load(weights + p * panel_size + v * Storage::kVectorBytes);
#pragma GCC unroll 8
        for (int r = 0; r < kRows; ++r) Storage::add(sums[p][r][v], w, from + r * row);
      }
    }
  };
  const std::int64_t steps = k / Storage::kDepth;
  for (std::int64_t i = 0; i < steps; ++i) add(i, x + i * kOperand, k);
  if (steps * Storage::kDepth < k) {  // one element is left; what follows it is not this row's
    float last[kRows * kOperand] = {};
    for (int r = 0; r < kRows; ++r) last[r * kOperand] = x[r * k + steps * kOperand];
    add(steps, last, kOperand);
  }
#pragma GCC unroll 4
  for (int p = 0; p < kPanels; ++p) {
    const std::byte* header = packed + p * panel_size;
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      float* row = y + r * stride + p * kPanel;
      float part[kPanel];
      const bool is_whole = p + 1 < kPanels || count == kPanel;
      float* to = is_whole ? row : part;
#pragma GCC unroll 2
      for (int v = 0; v < kVectors; ++v)
        store_lanes(to + v * kWidth,
                    Storage::finish(sums[p][r][v], header + v * kWidth * sizeof(float)));
      for (std::int64_t j = 0; !is_whole && j < count; ++j) row[j] = part[j];
    }
  }
}

/// Few rows take several panels at a time: the sums of one would wait for each other.
template <class Storage, int kRows>
void multiply_block(const float* x, std::int64_t k, const std::byte* packed, float* y,
                    std::int64_t columns, std::int64_t begin, std::int64_t end) {
  constexpr int kPanels = kMaxRows / kRows < 4 ? kMaxRows / kRows : 4;
  const std::int64_t size = panel_bytes<Storage>(k);
  std::int64_t panel = begin;
  for (; panel + kPanels <= end; panel += kPanels)
    multiply_rows<Storage, kRows, kPanels>(
        x, k, packed + panel * size, y + panel * kPanel, columns,
        smaller(kPanel, columns - (panel + kPanels - 1) * kPanel));
  for (; panel < end; ++panel)
    multiply_rows<Storage, kRows, 1>(x, k, packed + panel * size, y + panel * kPanel, columns,
                                     smaller(kPanel, columns - panel * kPanel));
}

template <class Storage, int kRows = kMaxRows>
void multiply_some(std::int64_t rows, const float* x, std::int64_t k, const std::byte* packed,
                   float* y, std::int64_t columns, std::int64_t begin, std::int64_t end) {
  if constexpr (kRows > 0) {
    if (rows == kRows) {
      multiply_block<Storage, kRows>(x, k, packed, y, columns, begin, end);
    } else {
      multiply_some<Storage, kRows - 1>(rows, x, k, packed, y, columns, begin, end);
    }
  }
}

template <class Storage>
void multiply(const float* x, std::int64_t rows, std::int64_t k, const std::byte* packed, float* y,
              std::int64_t columns, std::int64_t begin, std::int64_t end) {
  if (rows <= kMaxRows) return multiply_some<Storage>(rows, x, k, packed, y, columns, begin, end);
  // Blocks of rows of nearly the same size: a small one at the end would wait for its sums.
  const std::int64_t blocks = (rows + kMaxRows - 1) / kMaxRows;
  for (std::int64_t panel = begin; panel < end; ++panel) {
    for (std::int64_t b = 0; b < blocks; ++b) {
      const std::int64_t first = b * rows / blocks, last = (b + 1) * rows / blocks;
      multiply_some<Storage>(last - first, x + first * k, k, packed, y + first * columns, columns,
                             panel, panel + 1);
    }
  }
}

template <class Storage>
RowProductKernels kernels_of(void (*prepare)(float*, std::int64_t, std::int64_t) = nullptr) {
  return {kPanel, panel_bytes<Storage>, pack<Storage>, prepare, multiply<Storage>};
}

}  // namespace

RowProducts row_products() {
  return {kernels_of<Float32>(), kernels_of<Bfloat16>(round_rows), kernels_of<Int8>()};
}

}  // namespace polaris::kernels::POLARIS_ISA
