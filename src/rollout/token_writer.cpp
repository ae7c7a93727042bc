#include "rollout/token_writer.h"

#include <algorithm>
#include <vector>

#include "nn/decode_session.h"

namespace polaris {

class HostTokenWriter::Impl {
 public:
  Impl(const DecodeWeights& weights, std::int64_t slots, std::int64_t max_tokens,
       const SamplingConfig& sampling, const SamplerVocabulary& vocabulary)
      : sampling_(sampling),
        vocabulary_(vocabulary),
        session_(weights, slots + 1, max_tokens),
        prompt_slot_(slots) {}

  void read_prompt(std::span<const TokenId> tokens) {
    const auto logits = session_.begin(prompt_slot_, tokens);
    prompt_.assign(tokens.begin(), tokens.end());
    prompt_logits_.assign(logits.begin(), logits.end());
  }

  void start(std::int64_t slot, const StreamId& stream, const OnToken& on_token) {
    session_.copy(prompt_slot_, slot);
    sequences_.push_back({.slot = slot, .sampler = {sampling_, vocabulary_, stream, prompt_}});
    draw(sequences_.back(), prompt_logits_, on_token);
  }

  void advance(const OnToken& on_token) {
    slots_.clear();
    tokens_.clear();
    for (const Sequence& sequence : sequences_) {
      slots_.push_back(sequence.slot);
      tokens_.push_back(sequence.last);
    }
    const auto logits = session_.step(slots_, tokens_);
    const std::size_t width = logits.size() / sequences_.size();
    for (std::size_t i = 0; i < sequences_.size(); ++i)
      draw(sequences_[i], logits.subspan(i * width, width), on_token);
  }

  void finish(std::int64_t slot) {
    std::erase_if(sequences_, [&](const Sequence& sequence) { return sequence.slot == slot; });
  }

 private:
  struct Sequence {
    std::int64_t slot;
    Sampler sampler;
    TokenId last = 0;
  };

  void draw(Sequence& sequence, std::span<float> logits, const OnToken& on_token) {
    const DrawnToken drawn = sequence.sampler.draw(logits, scratch_);
    sequence.last = drawn.token;
    on_token(sequence.slot, drawn);
  }

  const SamplingConfig sampling_;
  const SamplerVocabulary& vocabulary_;
  DecodeSession session_;
  std::int64_t prompt_slot_;  // keeps the state behind the prompt whose samples are being started
  std::vector<TokenId> prompt_;
  std::vector<float> prompt_logits_;
  std::vector<Sequence> sequences_;
  SamplerScratch scratch_;
  std::vector<std::int64_t> slots_;  // of a step
  std::vector<TokenId> tokens_;      // likewise
};

HostTokenWriter::HostTokenWriter(const DecodeWeights& weights, std::int64_t slots,
                                 std::int64_t max_tokens, const SamplingConfig& sampling,
                                 const SamplerVocabulary& vocabulary)
    : impl_(std::make_unique<Impl>(weights, slots, max_tokens, sampling, vocabulary)) {}

HostTokenWriter::~HostTokenWriter() = default;

void HostTokenWriter::read_prompt(std::span<const TokenId> tokens) { impl_->read_prompt(tokens); }

void HostTokenWriter::start(std::int64_t slot, const StreamId& stream, const OnToken& on_token) {
  impl_->start(slot, stream, on_token);
}

void HostTokenWriter::advance(const OnToken& on_token) { impl_->advance(on_token); }

void HostTokenWriter::finish(std::int64_t slot) { impl_->finish(slot); }

void DeviceTokenWriter::advance(const OnToken& on_token) {
  for (const DeviceProgress& news : session_.advance(kSteps)) {
    for (const DeviceToken& token : news.tokens)
      on_token(news.slot, {.token = token.token,
                           .logprob = token.logprob,
                           .sampled_logprob = token.sampled_logprob});
    if (news.is_damaged) throw damaged_logits();
  }
}

DrawConfig draw_config(const SamplingConfig& sampling, const SamplerVocabulary& vocabulary,
                       bool stops_end) {
  return {.temperature = sampling.temperature,
          .top_p = sampling.top_p,
          .top_k = sampling.top_k,
          .min_p = sampling.min_p,
          .repetition_penalty = sampling.repetition_penalty,
          .presence_penalty = sampling.presence_penalty,
          .frequency_penalty = sampling.frequency_penalty,
          .max_new_tokens = sampling.max_new_tokens,
          .min_new_tokens = sampling.min_new_tokens,
          .vocabulary = vocabulary.size,
          .stop_tokens = vocabulary.stop_tokens,
          .stops_end = stops_end};
}

}  // namespace polaris
