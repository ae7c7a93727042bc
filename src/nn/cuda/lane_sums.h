/// Sums of doubles over the lanes of a block, and the order of 64-bit numbers.
#pragma once

#include "nn/cuda/blocks.h"

namespace polaris::cuda {

/// Of part(lane) over all lanes, in one order everywhere; every lane gets it.
template <int kLanes, class Block, class Part>
POLARIS_DEVICE double sum_of_doubles(const Block& block, const Part& part) {
  double* sums = block.template shared<double, kLanes>();
  block.each([&](int lane) { sums[lane] = part(lane); });
  for (int half = kLanes / 2; half > 0; half /= 2) {
    block.each([&](int lane) {
      if (lane < half) sums[lane] += sums[lane + half];
    });
  }
  const double sum = sums[0];
  block.each([](int) {});  // all have read it
  return sum;
}

/// Sorts `count` numbers, a power of two, the largest first (Batcher's bitonic network).
template <int kLanes, class Block>
POLARIS_DEVICE void sort_descending(const Block& block, std::uint64_t* numbers, int count) {
  for (int run = 2; run <= count; run *= 2) {
    for (int distance = run / 2; distance > 0; distance /= 2) {
      block.each([&](int lane) {
        for (int i = lane; i < count; i += kLanes) {
          const int other = i ^ distance;
          const bool descends = (i & run) == 0;
          if (other < i || (numbers[i] < numbers[other]) != descends) continue;
          const std::uint64_t number = numbers[i];
          numbers[i] = numbers[other];
          numbers[other] = number;
        }
      });
    }
  }
}

/// The number that `counter` has, which is one more then: each caller another one.
POLARIS_DEVICE inline int take_number(int* counter) {
#if defined(__CUDA_ARCH__)
  return atomicAdd(counter, 1);
#else
  return (*counter)++;
#endif
}

}  // namespace polaris::cuda
