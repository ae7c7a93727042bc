#pragma once

#include <cstdint>

#include "base/host_device.h"

namespace polaris::cuda {

/// How the tokens of all sequences are drawn, with what rollout/rollout_config.h means by the same
/// names.
struct DrawRules {
  double temperature, top_p, min_p;
  std::int32_t top_k;
  float repetition_penalty;
  double presence_penalty, frequency_penalty;
  std::int32_t min_new_tokens, max_new_tokens;

  std::int32_t width;               ///< logits of a row
  std::int32_t vocabulary;          ///< ids from here on are padding: never drawn
  const std::int32_t* stop_tokens;  ///< not drawn before min_new_tokens
  std::int32_t stop_count;
  bool stops_end;  ///< a stop token ends its sequence

  POLARIS_DEVICE bool is_stop(std::int32_t token) const {
    for (std::int32_t i = 0; i < stop_count; ++i) {
      if (stop_tokens[i] == token) return true;
    }
    return false;
  }
  POLARIS_DEVICE bool is_greedy() const { return temperature == 0; }
  POLARIS_DEVICE bool counts_output() const {
    return presence_penalty != 0 || frequency_penalty != 0;
  }
  /// Words of a row of bits, one for each id.
  POLARIS_DEVICE std::int64_t seen_words() const { return (width + 31) / 32; }
};

}  // namespace polaris::cuda
