#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/token_id.h"

namespace polaris::nn {

/// Sequences end to end, and which of their hidden states predict the tokens that are scored.
struct PackedTargets {
  std::vector<TokenId> tokens;          ///< [T]
  std::vector<std::int64_t> lengths;    ///< of the sequences
  std::vector<std::int64_t> positions;  ///< [R] places in `tokens` of the states that predict
  std::vector<std::int64_t> targets;    ///< [R] what they predict

  /// A sequence whose `prompt` is read and whose `response` is scored. Its last token is only
  /// predicted, never read. Neither may be empty.
  void add(std::span<const TokenId> prompt, std::span<const TokenId> response) {
    const auto first = static_cast<std::int64_t>(tokens.size() + prompt.size()) - 1;
    tokens.insert(tokens.end(), prompt.begin(), prompt.end());
    tokens.insert(tokens.end(), response.begin(), response.end() - 1);
    lengths.push_back(static_cast<std::int64_t>(prompt.size() + response.size()) - 1);
    for (std::size_t t = 0; t < response.size(); ++t) {
      positions.push_back(first + static_cast<std::int64_t>(t));
      targets.push_back(response[t]);
    }
  }
};

}  // namespace polaris::nn
