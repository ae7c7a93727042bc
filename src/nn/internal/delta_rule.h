/// The gated delta rule. For one sequence and value head, with q_t, k_t rows of K and v_t of V
/// values, and a state S [K, V] (specs/performance.md A.1):
///
///   S = e^g_t S;  u = beta_t (v_t - k_t S);  S = S + k_t^T u;  o_t = scale * q_t S
#pragma once

#include <ATen/core/Tensor.h>

#include "nn/internal/delta_plan.h"

namespace polaris::nn {

/// Packed along the first axis; T tokens, N sequences. Value head h reads key head h / (Hv / Hk).
struct DeltaOperands {
  at::Tensor q;     ///< [T, Hk, K] after L2 normalisation
  at::Tensor k;     ///< [T, Hk, K] after L2 normalisation
  at::Tensor v;     ///< [T, Hv, V]
  at::Tensor g;     ///< [T, Hv] log of the decay, at most 0
  at::Tensor beta;  ///< [T, Hv] write strength, in (0, 1)
  at::Tensor h0;    ///< [N, Hv, K, V] states before the first tokens; undefined: zero
};

/// float32; float64 if q is.
struct DeltaOutput {
  at::Tensor o;            ///< [T, Hv, V]
  at::Tensor final_state;  ///< [N, Hv, K, V] states after the last tokens
};

/// The delta rule in chunks (A.2), with an exact hand-written gradient of every input (A.3). Any
/// device; arithmetic in float32, or float64 if q is float64; on a GPU, products of float32 round
/// their operands to TF32 (A.7), and nothing waits for it. The result is the same with and
/// without gradients, and for any number of threads. With gradients off nothing is kept.
///
/// The gradient of beta comes out 0 where beta is exactly 0: it is found by a division.
/// @throws Error{kInternal} if shapes do not fit each other or the plan
DeltaOutput delta_rule(const DeltaOperands& input, const DeltaPlan& plan, double scale);

/// The same, token by token in differentiable tensor operations: the definition, for tests and
/// comparisons. Arithmetic in the type of the input.
DeltaOutput delta_recurrence(const DeltaOperands& input, const PackedSequences& sequences,
                             double scale);

/// The same, token by token on the CPU (kernels/delta_recurrence.h); float32 and float64, without
/// gradients.
DeltaOutput delta_recurrence_cpu(const DeltaOperands& input, const PackedSequences& sequences,
                                 double scale);

}  // namespace polaris::nn
