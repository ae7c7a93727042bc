#pragma once

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <vector>

#include "nn/learner_config.h"
#include "nn/parameter_layout.h"

namespace polaris::nn {

/// The moments of one parameter, or those of all, as AdamWRange takes them: m and v of the same
/// length, scales only beside 8-bit codes.
struct MomentTensors {
  at::Tensor m, v, m_scale, v_scale;
};

/// Both moments of every parameter of a layout, in flat arenas, zero at first.
///
/// float32 and bfloat16 moments lie over the layout's index space. So do 8-bit codes, with their
/// scales block after block beside them; a parameter starts a block of its own. Vectors and what
/// has under 4096 elements then keep float32 moments, end to end in a third pair of arenas
/// (specs/performance.md D.4).
class Moments {
 public:
  Moments(const ParameterLayout& layout, MomentDtype dtype, at::Device device);

  /// Views of those of parameter `i` of the layout, [count] and [blocks].
  MomentTensors of(std::size_t i) const;

 private:
  /// Where the moments of one parameter lie.
  struct Place {
    ParameterRange range;  ///< of arenas_, or of wide_
    bool is_wide = false;
    ParameterRange blocks;  ///< of the scales
  };

  std::vector<Place> places_;
  MomentTensors arenas_;
  MomentTensors wide_;
};

}  // namespace polaris::nn
