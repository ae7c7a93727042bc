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

DrawnToken Sampler::draw(std::span<float> logits, SamplerScratch& scratch) {
  POLARIS_CHECK(vocabulary_->size > 0 && vocabulary_->size <= std::ssize(logits),
                "{} logits for a vocabulary of {}", logits.size(), vocabulary_->size);
  scratch.plain.set(logits, config_.temperature > 0 ? config_.temperature : 1.0);
  const TokenChoice::Result drawn =
      draw_filtered(logits.first(static_cast<std::size_t>(vocabulary_->size)), scratch);
  ++position_;
  penalties_.add(drawn.token);
  return {.token = drawn.token,
          .logprob = static_cast<float>(scratch.plain.logprob(drawn.token)),
          .sampled_logprob = static_cast<float>(drawn.logprob)};
}

/// Changes and restores the few logits that are not drawn from as they are: a row of a large
/// vocabulary is not copied.
TokenChoice::Result Sampler::draw_filtered(std::span<float> logits, SamplerScratch& scratch) {
  std::vector<float>& plain = scratch.plain_logits;
  const auto for_changed = [&](const auto& work) {
    for (const auto ids : {penalties_.tokens(), masked()}) {
      for (const TokenId id : ids) {
        if (id < std::ssize(logits)) work(logits[id]);
      }
    }
  };
  plain.clear();
  for_changed([&](float logit) { plain.push_back(logit); });
  for (const TokenId id : masked()) {
    if (id < std::ssize(logits)) logits[id] = -std::numeric_limits<float>::infinity();
  }
  penalties_.apply(logits);
  const auto words = stream_.draw(position_);
  const TokenChoice::Result drawn =
      scratch.choice.draw(logits, config_, uniform01(words[0], words[1]));
  auto before = plain.begin();
  for_changed([&](float& logit) { logit = *before++; });
  return drawn;
}

/// Tokens that may not be drawn at this position.
std::span<const TokenId> Sampler::masked() const {
  if (position_ >= config_.min_new_tokens) return {};
  return vocabulary_->stop_tokens;
}

}  // namespace polaris
