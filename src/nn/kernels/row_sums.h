/// Sums over the elements of a row.
#pragma once

#include "nn/kernels/simd.h"

namespace polaris::kernels {

constexpr int kLanes = 16;

/// A sum in parts: element i adds to part i mod kLanes. (An OpenMP reduction would do, but g++ adds
/// its parts up one after the other, which takes longer than the row when that is a head.)
struct LaneSum {
  float lanes[kLanes] = {};
};

/// body(i, i mod kLanes) for every i below count.
template <class Body>
POLARIS_INLINE void for_lanes(std::int64_t count, const Body& body) {
  std::int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
#pragma omp simd
    for (int lane = 0; lane < kLanes; ++lane) body(i + lane, lane);
  }
  for (int lane = 0; i + lane < count; ++lane) body(i + lane, lane);
}

POLARIS_INLINE float total(const LaneSum& sum) {
  float parts[kLanes];
  for (int lane = 0; lane < kLanes; ++lane) parts[lane] = sum.lanes[lane];
  for (int half = kLanes / 2; half > 0; half /= 2) {
#pragma omp simd
    for (int lane = 0; lane < half; ++lane) parts[lane] += parts[half + lane];
  }
  return parts[0];
}

}  // namespace polaris::kernels
