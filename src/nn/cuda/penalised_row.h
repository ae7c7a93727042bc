#pragma once

#include <cstdint>

#include "nn/cuda/draw_rules.h"
#include "nn/kernels/simd.h"

namespace polaris::cuda {

/// A logit and its token as one number: larger where the token is likelier, of equals where the id
/// is lower. 0 is no token.
using Candidate = std::uint64_t;

POLARIS_DEVICE inline Candidate candidate(float logit, std::int32_t id) {
  const auto bits = __builtin_bit_cast(std::uint32_t, logit + 0.0F);  // -0 is 0
  const std::uint32_t ordered = (bits >> 31) != 0U ? ~bits : bits | 0x80000000U;
  return Candidate{ordered} << 32 | ~static_cast<std::uint32_t>(id);
}
POLARIS_DEVICE inline float logit_of(Candidate c) {
  const auto ordered = static_cast<std::uint32_t>(c >> 32);
  return __builtin_bit_cast(float, (ordered >> 31) != 0U ? ordered & 0x7fffffffU : ~ordered);
}
POLARIS_DEVICE inline std::int32_t token_of(Candidate c) {
  return static_cast<std::int32_t>(~static_cast<std::uint32_t>(c));
}

/// The logits of one row as penalties and masks make them, read without being changed: the order
/// and the arithmetic of rollout/penalties.h.
struct PenalisedRow {
  const DrawRules& rules;
  const float* logits;         ///< [width]
  const std::uint32_t* seen;   ///< bits of the tokens of prompt and output
  const std::int32_t* counts;  ///< [width] in the output; null where nothing counts them
  bool stops_are_masked;

  POLARIS_DEVICE bool has_seen(std::int32_t id) const {
    return (seen[id / 32] >> (id % 32) & 1U) != 0U;
  }

  /// 0 for a token that cannot be drawn.
  POLARIS_DEVICE Candidate operator[](std::int32_t id) const {
    float z = logits[id];
    if (rules.repetition_penalty != 1.0F && has_seen(id))
      z = z > 0 ? z / rules.repetition_penalty : z * rules.repetition_penalty;
    if (counts != nullptr && counts[id] > 0)
      z -= static_cast<float>(rules.presence_penalty +
                              rules.frequency_penalty * static_cast<double>(counts[id]));
    const bool never = z == -__builtin_inff() || (stops_are_masked && rules.is_stop(id));
    return never ? 0 : candidate(z, id);
  }

  /// Of a token beside the likeliest one's 1.
  POLARIS_DEVICE double weight(Candidate c, Candidate likeliest) const {
    const double distance = static_cast<double>(logit_of(c)) - logit_of(likeliest);
    return __builtin_exp(distance / rules.temperature);
  }
};

}  // namespace polaris::cuda
