#include "nn/decode_session.h"

#include <c10/core/CachingDeviceAllocator.h>

#include "base/available_memory.h"
#include "base/error.h"
#include "nn/internal/cached_decoder.h"
#include "nn/internal/model.h"
#include "nn/internal/step_decoder.h"
#include "nn/internal/torch_errors.h"
#include "nn/sequence_check.h"

namespace polaris {
namespace {

constexpr auto kDoing = "writing";
constexpr auto kRemedy = "lower rollout.slots or data.max_response_tokens";

}  // namespace

class DecodeSession::Impl {
 public:
  Impl(const DecodeWeights& weights, std::int64_t slots, std::int64_t max_tokens)
      : weights_(weights),
        arena_(nn::DecoderCache::bytes(policy().config(), slots, max_tokens, cache_type(weights)),
               policy().model().device()),
        cache_(policy().config(), slots, max_tokens, cache_type(weights), arena_) {
    if (weights.packed() != nullptr) steps_.emplace(*weights.packed(), cache_);
  }

  static at::ScalarType cache_type(const DecodeWeights& weights) {
    return weights.packed() != nullptr ? at::kFloat
                                       : weights.policy().model().store.options().compute;
  }

  nn::DecoderCache& cache() { return cache_; }

  std::span<float> begin(std::int64_t slot, std::span<const TokenId> tokens) {
    check_tokens(tokens, policy().config().vocab_size, "prompt");
    cache_.clear(slot);
    pieces_.assign(1, {.slot = slot, .tokens = tokens});
    return extend();
  }

  std::span<float> step(std::span<const std::int64_t> slots, std::span<const TokenId> tokens) {
    POLARIS_CHECK(slots.size() == tokens.size() && !slots.empty(), "{} tokens for {} slots",
                  tokens.size(), slots.size());
    if (steps_) return steps_->step(slots, tokens);
    pieces_.clear();
    for (std::size_t i = 0; i < slots.size(); ++i)
      pieces_.push_back({.slot = slots[i], .tokens = tokens.subspan(i, 1)});
    return extend();
  }

 private:
  const Policy& policy() const { return weights_.policy(); }

  std::span<float> extend() {
    const nn::Decoder& decoder = policy().model().decoder;
    logits_ = nn::logits(decoder, nn::extend(decoder, cache_, pieces_)).cpu().contiguous();
    return {logits_.mutable_data_ptr<float>(), static_cast<std::size_t>(logits_.numel())};
  }

  DecodeWeights weights_;
  nn::PhaseArena arena_;
  nn::DecoderCache cache_;
  std::optional<nn::StepDecoder> steps_;  // over packed weights
  std::vector<nn::CachePiece> pieces_;    // of the call
  at::Tensor logits_;                     // of the last call
};

DecodeSession::DecodeSession(const DecodeWeights& weights, std::int64_t slots,
                             std::int64_t max_tokens)
    : impl_(nn::translating(kDoing, kRemedy,
                            [&] { return std::make_unique<Impl>(weights, slots, max_tokens); })) {}

DecodeSession::~DecodeSession() = default;
DecodeSession::DecodeSession(DecodeSession&&) noexcept = default;
DecodeSession& DecodeSession::operator=(DecodeSession&&) noexcept = default;

std::int64_t DecodeSession::bytes_per_slot(const DecodeWeights& weights, std::int64_t max_tokens) {
  return nn::DecoderCache::bytes(weights.policy().config(), 1, max_tokens,
                                 Impl::cache_type(weights));
}

std::optional<std::int64_t> DecodeSession::available_bytes(const Policy& policy) {
  const at::Device device = policy.model().device();
  if (device.is_cpu()) return available_memory_bytes();
  return nn::translating("asking for free memory", kRemedy, [&] {
    const auto [free, total] =
        c10::getDeviceAllocator(device.type())->getMemoryInfo(device.index());
    return std::optional(static_cast<std::int64_t>(free));
  });
}

std::int64_t DecodeSession::slots() const { return impl_->cache().slots(); }
std::int64_t DecodeSession::max_tokens() const { return impl_->cache().max_tokens(); }

std::span<float> DecodeSession::begin(std::int64_t slot, std::span<const TokenId> tokens) {
  return nn::translating(kDoing, kRemedy, [&] { return impl_->begin(slot, tokens); });
}

void DecodeSession::copy(std::int64_t from, std::int64_t to) {
  nn::translating(kDoing, kRemedy, [&] { impl_->cache().copy(from, to); });
}

std::span<float> DecodeSession::step(std::span<const std::int64_t> slots,
                                     std::span<const TokenId> tokens) {
  return nn::translating(kDoing, kRemedy, [&] { return impl_->step(slots, tokens); });
}

}  // namespace polaris
