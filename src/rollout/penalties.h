#pragma once

#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "base/token_id.h"
#include "rollout/rollout_config.h"

namespace polaris {

/// What a sequence has so far, and what that does to the logits of its next token. Sources:
/// specs/local_inference.md 7, specs/recipe.md 5.
///
///   repetition   every token of prompt and output, once: z <- z / penalty if z > 0, else
///                z * penalty
///   presence, frequency   every token of the output, c times there: z <- z - presence - c
///   frequency DRY          apply_dry()
///
/// The cost is that of the tokens that were seen, not of the vocabulary.
class Penalties {
 public:
  /// @param breakers  tokens that no repeated sequence of DRY runs across
  Penalties(const SamplingConfig& config, std::span<const TokenId> prompt,
            std::span<const TokenId> breakers);

  /// The output grows.
  void add(TokenId token);

  /// @param logits  [vocabulary]; ids of the sequence beyond it are left out
  void apply(std::span<float> logits) const;

  /// Those whose logits apply() may change: the tokens of the sequence, each once.
  std::span<const TokenId> tokens() const { return seen_; }

 private:
  void see(TokenId token);
  void apply_repetition(std::span<float> logits) const;
  void apply_counts(std::span<float> logits) const;

  SamplingConfig config_;
  std::span<const TokenId> breakers_;
  std::vector<bool> is_seen_;                         // by id
  std::vector<TokenId> seen_;                         // those, each once
  std::unordered_map<TokenId, std::int64_t> counts_;  // in the output
  std::vector<TokenId> history_;                      // prompt and output, if DRY needs it
};

/// Don't Repeat Yourself: a token t that would continue the end of the history as it went on once
/// before costs multiplier * base^(L - allowed_length), where L >= allowed_length is the length of
/// the longest suffix of the history that stood earlier in the last dry_range tokens with t behind
/// it. Sequences do not run across a breaker, and a breaker itself costs nothing.
/// Source: specs/local_inference.md 7.
void apply_dry(const SamplingConfig& config, std::span<const TokenId> history,
               std::span<const TokenId> breakers, std::span<float> logits);

}  // namespace polaris
