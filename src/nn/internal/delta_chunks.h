/// The two passes of the chunked delta rule, without autograd: delta_rule() joins them.
#pragma once

#include <ATen/core/Tensor.h>

#include "nn/internal/delta_rule.h"

namespace polaris::nn {

/// What the forward leaves for the backward. How the chunks lie in these is the affair of each
/// form.
struct DeltaSaved {
  at::Tensor inverse;  ///< [.., C, C]  A
  at::Tensor written;  ///< [.., C, V]  U
  at::Tensor states;   ///< [.., K, V]  the states that chunks begin with
};

struct DeltaForm {
  /// @param saved  null: nothing is kept
  DeltaOutput (*forward)(const DeltaOperands&, const DeltaPlan&, double scale, DeltaSaved* saved);

  /// @param d_output  gradients; either may be undefined (zero)
  /// @return          gradients of the input; that of h0 is undefined if h0 is
  DeltaOperands (*backward)(const DeltaOperands&, const DeltaPlan&, double scale, const DeltaSaved&,
                            const DeltaOutput& d_output);
};

/// Batched tensor operations: any device, float32 or float64.
DeltaForm delta_form_tensors();

/// Kernels for the CPU (kernels/delta_chunk.h): contiguous float32.
DeltaForm delta_form_cpu();

}  // namespace polaris::nn
