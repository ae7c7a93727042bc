#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace polaris::nn {

/// A flat range of parameters with everything that a step reads and writes: contiguous tensors
/// [n] on one device.
struct AdamWRange {
  std::int64_t first = 0;  ///< which parameter of the model the first one is: keys its random bits
  at::Tensor weight;       ///< float32; or bfloat16, the upper halves of a split master
  at::Tensor remainder;    ///< int16, the lower halves (kernels/split_float.h); else undefined
  at::Tensor gradient;     ///< float32
  /// Moments, both float32 or both bfloat16; or codes, int8 of m and uint8 of the root of v, which
  /// go with the float32 scales below. All are zero before the first step.
  at::Tensor m, v;
  at::Tensor m_scale, v_scale;  ///< [ceil(n / 256)] of the codes' blocks; else undefined
};

struct AdamWStep {
  double lr = 0;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double eps = 1e-8;
  double weight_decay = 0;
  double gradient_scale = 1;  ///< multiplies the gradient: the batch's scale times that of clipping
  std::int64_t step = 1;      ///< counts from 1
  std::uint64_t seed = 0;     ///< of the random bits
};

/// One step of AdamW, in one pass (Loshchilov and Hutter, arXiv:1711.05101; torch.optim.AdamW):
///
///   g = gradient_scale gradient
///   m = m + (1 - beta1) (g - m)
///   v = beta2 v + (1 - beta2) g^2
///   w = w - (lr weight_decay w + lr / (1 - beta1^step) m / (sqrt(v / (1 - beta2^step)) + eps))
///
/// in float32 with float32 constants that were computed in double. Decay is added to the update
/// instead of multiplying w by 1 - lr weight_decay first: at the recipe's 1e-8 that factor is 1 in
/// float32.
///
/// bfloat16 moments: w sees the new moments as they are before rounding; m rounds to nearest, v
/// up or down at random so that its mean is kept (specs/performance.md D.4). The random bits depend
/// on seed, step and the parameter's index, so ranges may be cut anywhere.
///
/// 8-bit moments: likewise, m rounds to the nearest code and the root of v at random
/// (kernels/moment_map.h): to the nearest, v stands still while it should grow or shrink by less
/// than half a step, and after hundreds of steps the updates are off by a third. Blocks of 256
/// begin with the range, so ranges may be cut between blocks.
///
/// The same bits on every CPU and GPU.
/// @throws Error{kInternal} for other types or lengths
void adamw(const AdamWRange& range, const AdamWStep& step);

/// The same in ATen operations, on any device; adamw() is this where there is no kernel. The same
/// bits on a CPU.
void adamw_composite(const AdamWRange& range, const AdamWStep& step);

}  // namespace polaris::nn
