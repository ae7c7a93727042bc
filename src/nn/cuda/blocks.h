/// Kernels for a GPU that are plain C++ as well. A kernel is a struct of sizes and pointers:
///
///   struct Scale {
///     static constexpr int kLanes = 256;
///     static constexpr const char* kName = "scale";
///     template <class Block>
///     POLARIS_DEVICE void operator()(const Block& block, std::int64_t row) const {
///       const float sum = block.sum([&](int lane) { ... what this lane has to add ... });
///       block.each([&](int lane) { ... elements lane, lane + kLanes, ... });
///     }
///   };
///
/// It is called for each index below some count, with a block of kLanes lanes that go through it
/// side by side: threads on a GPU, a loop on the CPU. What one step writes to memory the next may
/// read. Sums are made in one order everywhere, so a kernel has two forms by one definition, and a
/// machine without a GPU can test it.
#pragma once

#include <cstdint>

#include "base/host_device.h"

namespace polaris::cuda {

/// The lanes one after the other: the CPU's form.
template <int kCount>
class HostBlock {
 public:
  static constexpr int kLanes = kCount;

  template <class Work>
  void each(const Work& work) const {
    for (int lane = 0; lane < kLanes; ++lane) work(lane);
  }

  /// The sum over lanes: those of a warp first, in halves, then the warps'. All lanes have it.
  template <class Part>
  auto sum(const Part& part) const {
    return reduce(part, [](auto a, auto b) { return a + b; });
  }

  template <class Part>
  auto max(const Part& part) const {
    return reduce(part, [](auto a, auto b) { return a > b ? a : b; });
  }

  /// The sum over the lanes of a warp, one after the other.
  template <class Part>
  auto sum_in_order(const Part& part) const {
    static_assert(kLanes == 32);
    auto sum = part(0);
    for (int lane = 1; lane < kLanes; ++lane) sum += part(lane);
    return sum;
  }

  /// Memory that the lanes share, [count]; one array of each type and size per kernel.
  template <class T, int count>
  T* shared() const {
    static thread_local T memory[count];
    return memory;
  }

 private:
  template <class Part, class Combine>
  static auto reduce(const Part& part, const Combine& combine) {
    decltype(part(0)) parts[kLanes];
    for (int lane = 0; lane < kLanes; ++lane) parts[lane] = part(lane);
    constexpr int kWarps = kLanes / 32;
    for (int half = 16; half > 0; half /= 2)
      for (int warp = 0; warp < kWarps; ++warp)
        for (int lane = warp * 32; lane < warp * 32 + half; ++lane)
          parts[lane] = combine(parts[lane], parts[lane + half]);
    for (int half = kWarps / 2; half > 0; half /= 2)
      for (int warp = 0; warp < half; ++warp)
        parts[warp * 32] = combine(parts[warp * 32], parts[(warp + half) * 32]);
    return parts[0];
  }
};

/// Queues kernel(block, index) for every index below `count` on a stream (a cudaStream_t). Defined
/// in x.cu for the kernels of x_blocks.h.
/// @throws as check_launch(); Error{kInternal} in a build without CUDA
template <class Kernel>
void queue(const Kernel& kernel, std::int64_t count, void* stream);

}  // namespace polaris::cuda
