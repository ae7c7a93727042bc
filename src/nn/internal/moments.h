#pragma once

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <vector>

#include "nn/internal/sharding.h"
#include "nn/learner_config.h"
#include "nn/parameter_layout.h"

namespace polaris::nn {

/// The moments of one parameter, or those of all, as AdamWRange takes them: m and v of the same
/// length, scales only beside 8-bit codes.
struct MomentTensors {
  at::Tensor m, v, m_scale, v_scale;
};

/// Types of the moments of one parameter; scales are float32 where there are any.
struct MomentTypes {
  at::ScalarType m, v;
  bool has_scales;
};

/// Both moments of every shard that this rank keeps, in flat arenas, zero at first.
///
/// 8-bit codes have their scales block after block beside them; a parameter starts a block of its
/// own. Vectors and what has under 4096 elements then keep float32 moments, in a third pair of
/// arenas (specs/performance.md D.4).
class Moments {
 public:
  Moments(const ParameterLayout& layout, const Sharding& sharding, MomentDtype dtype,
          at::Device device);

  /// Views of those of shard `i` of this rank, [count] and [blocks].
  MomentTensors of(std::size_t i) const;

  MomentTypes types(const Parameter& parameter) const;

  /// Never kAuto, which is float32 here.
  MomentDtype dtype() const { return dtype_; }

  /// Scales that go with `count` elements from the beginning of a block on.
  static std::int64_t blocks(std::int64_t count);

 private:
  /// Where the moments of one shard lie.
  struct Place {
    ParameterRange range;  ///< of arenas_, or of wide_
    bool is_wide = false;
    ParameterRange blocks;  ///< of the scales
  };

  MomentDtype dtype_;

  std::vector<Place> places_;
  MomentTensors arenas_;
  MomentTensors wide_;
};

}  // namespace polaris::nn
