#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nn/decode_weights.h"
#include "rollout/rollout_engine.h"
#include "rollout/sampler.h"
#include "text/tokenizer.h"

namespace polaris {

/// Writes with a policy of this process, many sequences side by side: a prompt is read once for all
/// its samples, a finished sequence is handed over at once, and the next one takes its slot.
///
/// On the CPU a text depends on seed, prompt, step, sample, sampling and weights, bit for bit: not
/// on slots, the other prompts or their order, nor on the number of threads. On a GPU tokens are
/// drawn there, a few at a time (DeviceTokenWriter), unless the sampling asks for what only the
/// host can do.
class LocalRolloutEngine : public RolloutEngine {
 public:
  using OnToken = std::function<void(std::size_t prompt_index, std::size_t sample, TokenId token)>;

  struct Options {
    std::uint64_t seed = 0;
    std::int64_t slots = 0;                ///< sequences side by side; 0 = as many as memory allows
    std::vector<TokenId> stop_tokens;      ///< each ends a sequence; see stop_tokens()
    std::optional<WeightStorage> weights;  ///< on the CPU; absent: the policy's compute type
    bool ignore_stop_tokens = false;       ///< they are drawn like others and end nothing
    /// Draws tokens where the model is; absent: if that is a GPU.
    std::optional<bool> draws_on_device;
    std::function<bool()> interrupted = [] { return false; };  ///< asked before every step
    /// Called with every token as soon as it is known, the one that ends a sequence included.
    OnToken on_token = [](std::size_t, std::size_t, TokenId) {};
  };

  /// @param policy     shares its weights with a learner or is alone
  /// @param tokenizer  borrowed; null: rollouts have no text
  LocalRolloutEngine(Policy policy, const Tokenizer* tokenizer, Options options);

  /// The next text is written with the weights as they are then.
  void use_policy(std::int64_t policy_version) override {
    version_ = policy_version;
    weights_.reset();
  }

  /// @throws Error{kInvalidData} for a prompt without tokens or with one outside the vocabulary, or
  ///         if the policy's logits are not finite; Error{kOutOfMemory}; Error{kInterrupted}
  std::vector<RolloutGroup> generate(const RolloutRequest& request,
                                     const OnRollout& on_rollout) override;

 private:
  class Run;

  const DecodeWeights& weights();
  bool stops(TokenId token) const;
  bool draws_on_device(const SamplingConfig& sampling) const;

  Policy policy_;
  std::optional<DecodeWeights> weights_;  // of this version, once they are needed
  const Tokenizer* tokenizer_;
  Options options_;
  SamplerVocabulary vocabulary_;
  std::int64_t version_ = 0;
};

/// What a configuration asks for; nothing for `auto`.
std::optional<WeightStorage> weight_storage(RolloutDtype dtype);

/// Every token that ends a text of the model: those of its config.json and generation_config.json,
/// the tokenizer's, and `end_of_turn` ("<|im_end|>") if the tokenizer knows it.
/// @param tokenizer  may be null
std::vector<TokenId> stop_tokens(const ModelConfig& config, const Tokenizer* tokenizer,
                                 std::string_view end_of_turn);

}  // namespace polaris
