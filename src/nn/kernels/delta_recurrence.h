/// The gated delta rule token by token on the CPU (specs/performance.md A.1), in float or double:
///
///   S = e^g S;  u = beta (v - k S);  S = S + k^T u;  o = scale * q S
#pragma once

#include <cstdint>

#include "nn/kernels/isa.h"

namespace polaris::kernels {

/// Tokens, or one token of each of several sequences. Strides are in elements, from one row to the
/// next; heads of a row lie side by side.
template <class T>
struct DeltaTokens {
  std::int64_t key_heads;
  std::int64_t value_heads;  ///< head h reads key head h / (value_heads / key_heads)
  std::int64_t key_size;     ///< K
  std::int64_t value_size;   ///< V
  T scale;
  const T* q;  ///< [rows, key_heads, K]
  const T* k;  ///< as q
  std::int64_t key_stride;
  const T* v;  ///< [rows, value_heads, V]
  std::int64_t value_stride;
  const T* g;     ///< [rows, value_heads]
  const T* beta;  ///< as g
  T* o;           ///< [rows, value_heads, V], without gaps
};

template <class T>
struct DeltaRecurrenceKernel {
  /// `rows` rows from `first` on are consecutive tokens of one sequence; one value head, whose
  /// state [K, V] is updated in place.
  void (*run)(const DeltaTokens<T>&, T* state, std::int64_t head, std::int64_t first,
              std::int64_t rows);
};
POLARIS_DECLARE_KERNELS(DeltaRecurrenceKernel<float>, delta_recurrence_float)
POLARIS_DECLARE_KERNELS(DeltaRecurrenceKernel<double>, delta_recurrence_double)

/// One token for every sequence. Work items are (sequence, value head) pairs, item = sequence *
/// value_heads + head: a caller with threads gives each a range, and the result is the same.
/// @param states  [slots, value_heads, K, V], updated in place
/// @param slots   [sequences] where each one's state is, all different
void delta_step(const DeltaTokens<float>& tokens, float* states, const std::int64_t* slots,
                std::int64_t first_item, std::int64_t end_item);

}  // namespace polaris::kernels
