#pragma once

#include <cstdint>

#include "nn/kernels/isa.h"

namespace polaris::kernels {

/// sum over a row of e^((z - max) / T)
struct LogitSum {
  float max;
  double sum;
};

/// What a sampler asks a row of logits. Each reads it once and changes nothing.
struct LogitKernels {
  /// A NaN or +infinity in the row makes the sum a NaN. Nothing but -infinity: that, and 0.
  LogitSum (*sum)(const float* logits, std::int64_t width, float inverse_temperature);

  /// The first index in [begin, end) of a logit above the threshold, or `end`.
  std::int64_t (*next_above)(const float* logits, std::int64_t begin, std::int64_t end,
                             float threshold);
};

POLARIS_DECLARE_KERNELS(LogitKernels, logit_kernels)

}  // namespace polaris::kernels
