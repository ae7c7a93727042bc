/// The gates' kernels for a GPU (blocks.h). Formulas: nn/internal/gates.h.
#pragma once

#include "nn/cuda/blocks.h"
#include "nn/kernels/simd.h"

namespace polaris::cuda {

/// An index is a tile of a row.
template <class T>
struct SiluMul {
  static constexpr int kLanes = 256;
  static constexpr const char* kName = "silu_mul";
  static constexpr std::int64_t kTile = 4 * kLanes;

  const T* gate_up;  ///< [rows, 2 width]
  T* y;              ///< [rows, width]
  std::int64_t width;

  std::int64_t tiles() const { return (width + kTile - 1) / kTile; }

  template <class Block>
  POLARIS_DEVICE void operator()(const Block& block, std::int64_t index) const {
    const std::int64_t count = (width + kTile - 1) / kTile, row = index / count;
    const T* gate = gate_up + row * 2 * width;
    block.each([&](int lane) {
      for (std::int64_t i = index % count * kTile + lane, k = 0; k < kTile / kLanes && i < width;
           ++k, i += kLanes) {
        kernels::store(y[row * width + i],
                       kernels::silu(kernels::load(gate[i])) * kernels::load(gate[width + i]));
      }
    });
  }
};

template <class T>
struct SiluMulBackward {
  static constexpr int kLanes = 256;
  static constexpr const char* kName = "silu_mul_backward";
  static constexpr std::int64_t kTile = 4 * kLanes;

  const T *gate_up, *dy;
  T* dgate_up;
  std::int64_t width;

  std::int64_t tiles() const { return (width + kTile - 1) / kTile; }

  template <class Block>
  POLARIS_DEVICE void operator()(const Block& block, std::int64_t index) const {
    const std::int64_t count = (width + kTile - 1) / kTile, row = index / count;
    const T* gate = gate_up + row * 2 * width;
    T* dgate = dgate_up + row * 2 * width;
    block.each([&](int lane) {
      for (std::int64_t i = index % count * kTile + lane, k = 0; k < kTile / kLanes && i < width;
           ++k, i += kLanes) {
        const float x = kernels::load(gate[i]), upstream = kernels::load(dy[row * width + i]);
        kernels::store(dgate[i],
                       upstream * kernels::load(gate[width + i]) * kernels::silu_slope(x));
        kernels::store(dgate[width + i], upstream * kernels::silu(x));
      }
    });
  }
};

/// y = o sigmoid(gate), all [count]. An index is a tile.
template <class O, class T>
struct SigmoidMul {
  static constexpr int kLanes = 256;
  static constexpr const char* kName = "sigmoid_mul";
  static constexpr std::int64_t kTile = 4 * kLanes;

  const O* o;
  const T* gate;
  T* y;
  std::int64_t count;

  std::int64_t tiles() const { return (count + kTile - 1) / kTile; }

  template <class Block>
  POLARIS_DEVICE void operator()(const Block& block, std::int64_t index) const {
    block.each([&](int lane) {
      for (std::int64_t i = index * kTile + lane, k = 0; k < kTile / kLanes && i < count;
           ++k, i += kLanes)
        kernels::store(y[i], kernels::load(o[i]) * kernels::sigmoid(kernels::load(gate[i])));
    });
  }
};

template <class O, class T>
struct SigmoidMulBackward {
  static constexpr int kLanes = 256;
  static constexpr const char* kName = "sigmoid_mul_backward";
  static constexpr std::int64_t kTile = 4 * kLanes;

  const O* o;
  const T *gate, *dy;
  O* d_o;
  T* dgate;
  std::int64_t count;

  std::int64_t tiles() const { return (count + kTile - 1) / kTile; }

  template <class Block>
  POLARIS_DEVICE void operator()(const Block& block, std::int64_t index) const {
    block.each([&](int lane) {
      for (std::int64_t i = index * kTile + lane, k = 0; k < kTile / kLanes && i < count;
           ++k, i += kLanes) {
        const float s = kernels::sigmoid(kernels::load(gate[i])), upstream = kernels::load(dy[i]);
        kernels::store(dgate[i], upstream * kernels::load(o[i]) * (s * (1.0F - s)));
        kernels::store(d_o[i], upstream * s);
      }
    });
  }
};

}  // namespace polaris::cuda
