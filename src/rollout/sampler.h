#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/random.h"
#include "base/token_id.h"
#include "rollout/penalties.h"
#include "rollout/rollout_config.h"
#include "rollout/token_choice.h"

namespace polaris {

/// What a sampler needs to know of a model's tokens.
struct SamplerVocabulary {
  std::int64_t size = 0;             ///< ids from here on are padding: never drawn
  std::vector<TokenId> stop_tokens;  ///< not drawn before SamplingConfig::min_new_tokens
  std::vector<TokenId> dry_breakers;
};

/// A token, in nats as Rollout has it.
struct DrawnToken {
  TokenId token = 0;
  float logprob = 0.0F;
  float sampled_logprob = 0.0F;
};

/// Memory of a thread that draws tokens.
struct SamplerScratch {
  std::vector<float> plain_logits;  // at the ids that penalties change
  PlainSoftmax plain;
  TokenChoice choice;
};

/// Draws the tokens of one sequence: what comes next is a function of its logits, of the tokens so
/// far and of the stream, which gives one uniform number for every position.
class Sampler {
 public:
  /// @param vocabulary  outlives the sampler
  Sampler(const SamplingConfig& config, const SamplerVocabulary& vocabulary, const StreamId& stream,
          std::span<const TokenId> prompt);

  /// The next token, which the sequence then has.
  /// @param logits  [model's vocabulary] behind the last token; penalties are applied to them, and
  ///                taken back
  /// @throws Error{kInvalidData} if they are not finite
  DrawnToken draw(std::span<float> logits, SamplerScratch& scratch);

 private:
  TokenChoice::Result draw_filtered(std::span<float> logits, SamplerScratch& scratch);
  std::span<const TokenId> masked() const;

  SamplingConfig config_;
  const SamplerVocabulary* vocabulary_;
  StreamId stream_;
  Penalties penalties_;
  std::uint32_t position_ = 0;
};

}  // namespace polaris
