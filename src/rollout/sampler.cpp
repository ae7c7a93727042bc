#include "rollout/sampler.h"

#include <limits>

#include "base/error.h"

namespace polaris {

Sampler::Sampler(const SamplingConfig& config, const SamplerVocabulary& vocabulary,
                 const StreamId& stream, std::span<const TokenId> prompt)
    : config_(config),
      vocabulary_(&vocabulary),
      stream_(stream),
      penalties_(config, prompt, vocabulary.dry_breakers) {}

DrawnToken Sampler::draw(std::span<const float> logits, SamplerScratch& scratch) {
  POLARIS_CHECK(vocabulary_->size > 0 && vocabulary_->size <= std::ssize(logits),
                "{} logits for a vocabulary of {}", logits.size(), vocabulary_->size);
  scratch.plain.set(logits, config_.temperature > 0 ? config_.temperature : 1.0);

  scratch.logits.assign(logits.begin(), logits.begin() + vocabulary_->size);
  if (position_ < config_.min_new_tokens) {
    for (const TokenId stop : vocabulary_->stop_tokens) {
      if (stop < vocabulary_->size) scratch.logits[stop] = -std::numeric_limits<float>::infinity();
    }
  }
  penalties_.apply(scratch.logits);
  const auto words = stream_.draw(position_);
  const TokenChoice::Result drawn =
      scratch.choice.draw(scratch.logits, config_, uniform01(words[0], words[1]));
  ++position_;
  penalties_.add(drawn.token);
  return {.token = drawn.token,
          .logprob = static_cast<float>(scratch.plain.logprob(drawn.token)),
          .sampled_logprob = static_cast<float>(drawn.logprob)};
}

}  // namespace polaris
