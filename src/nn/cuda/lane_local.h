#pragma once

#include <array>

#include "nn/cuda/blocks.h"

namespace polaris::cuda {

/// What each lane of a block keeps for itself from one step to the next: registers on a GPU, an
/// array on the CPU.
template <class T, class Block>
struct LaneLocal {
  T own = {};
  POLARIS_DEVICE T& operator[](int /*lane*/) { return own; }
};

template <class T, int kLanes>
struct LaneLocal<T, HostBlock<kLanes>> {
  std::array<T, kLanes> all = {};
  T& operator[](int lane) { return all[static_cast<std::size_t>(lane)]; }
};

}  // namespace polaris::cuda
