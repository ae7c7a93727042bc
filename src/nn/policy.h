#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/token_id.h"
#include "nn/learner_config.h"
#include "nn/policy_config.h"
#include "weights/model_config.h"

namespace polaris {

namespace nn {
struct Model;
}

/// Tokens of one forward pass where nothing says otherwise.
inline constexpr std::int64_t kScoreMicrobatchTokens = 4096;

/// A sequence whose tokens from `start` on are to be scored.
struct ScoreRequest {
  std::span<const TokenId> tokens;
  std::int64_t start = 1;  ///< at least 1: nothing predicts the first token
};

/// What a model says about given tokens, in nats.
struct TokenScores {
  std::vector<float> logprobs;   ///< [n - start] log p(tokens[start + i] | tokens before it)
  std::vector<float> entropies;  ///< [n - start] of the same distributions
};

/// A causal language model with its weights, for reading: copies share them.
class Policy {
 public:
  /// Reads a Hugging Face checkpoint folder.
  /// @param adapter  PEFT folder of an adapter on its weights; empty: none
  /// @throws Error{kIo, kInvalidData, kInvalidConfig, kOutOfMemory}
  static Policy load(const std::filesystem::path& folder, ComputeDtype dtype,
                     const DeviceConfig& device, const std::string& adapter = "");

  explicit Policy(std::shared_ptr<const nn::Model> model) : model_(std::move(model)) {}

  const ModelConfig& config() const;

  /// @throws Error{kInvalidData} for an empty sequence, a start outside 1 ... n or an id outside
  /// the
  ///         vocabulary
  void check(const ScoreRequest& request) const;

  /// Scores sequences, packed into forward passes of at most `microbatch_tokens` tokens.
  /// @return one result per request, in order
  /// @throws Error{kInvalidData} for an empty sequence, a start outside 1 ... n - 1 or an id
  /// outside
  ///         the vocabulary, naming request and token; Error{kOutOfMemory}
  std::vector<TokenScores> score(std::span<const ScoreRequest> requests, double temperature = 1.0,
                                 std::int64_t microbatch_tokens = kScoreMicrobatchTokens) const;

  const nn::Model& model() const { return *model_; }

 private:
  std::shared_ptr<const nn::Model> model_;
};

}  // namespace polaris
