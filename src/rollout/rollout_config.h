#pragma once

#include <cstdint>
#include <string>

#include "base/config.h"

namespace polaris {

/// How tokens are drawn, in this order: repetition penalty (over prompt and output), presence and
/// frequency, DRY, temperature, top-k, top-p, min-p. Source: specs/recipe.md 5,
/// specs/local_inference.md 7 (order "hf").
struct SamplingConfig {
  double temperature = 1.0;
  double top_p = 0.95;
  std::int64_t top_k = 20;
  double min_p = 0.0;
  double repetition_penalty = 1.10;
  double presence_penalty = 0.0;
  double frequency_penalty = 0.0;
  double dry_multiplier = 0.0;
  double dry_base = 1.75;
  std::int64_t dry_allowed_length = 2;
  std::int64_t dry_range = 4096;
  std::int64_t max_new_tokens = 8192;  ///< not a key of [rollout]: data.max_response_tokens
  std::int64_t min_new_tokens = 0;     ///< not a key: 1 in validation (specs/recipe.md 5)

  void fields(FieldList& list);
  void validate() const;
};

enum class EngineKind { kLocal, kRemote };
std::vector<std::string> enum_names(EngineKind);

enum class RolloutDtype { kAuto, kFloat32, kBfloat16, kInt8 };
std::vector<std::string> enum_names(RolloutDtype);

/// Who writes where rollout.engine = remote: vLLM, SGLang and llama-server take and give token
/// ids, whatever speaks OpenAI's chat completions and the vendors give text only.
enum class RemoteServer { kVllm, kSglang, kOpenai, kLlama, kGemini, kVertex, kAnthropic };
std::vector<std::string> enum_names(RemoteServer);

enum class RemoteWeights { kDisk, kLora };
std::vector<std::string> enum_names(RemoteWeights);

/// A server, or a vendor's model, that writes the stories (docs/remote_rollouts.md).
struct RemoteRolloutConfig {
  std::string base_url;
  RemoteServer server = RemoteServer::kVllm;
  RemoteWeights weights = RemoteWeights::kDisk;
  std::string model;
  std::string api_key_env;
  std::int64_t concurrency = 64;
  std::int64_t max_attempts = 6;
  double retry_base_delay_s = 1.0;
  double first_token_s = 600;
  double between_tokens_s = 120;
  double deadline_s = 1200;
  std::string thinking = "medium";
  std::string project;
  std::string location = "global";
  std::string prices;
  double budget_usd = 0.0;

  void fields(FieldList& list);
  void validate() const;

  bool gives_token_ids() const {
    return server == RemoteServer::kVllm || server == RemoteServer::kSglang ||
           server == RemoteServer::kLlama;
  }
  /// Whether new weights can be given to it while it runs.
  bool takes_weights() const {
    return server == RemoteServer::kVllm || server == RemoteServer::kSglang;
  }
};

struct RolloutConfig {
  EngineKind engine = EngineKind::kLocal;
  std::int64_t group_size = 6;
  SamplingConfig sampling;
  RolloutDtype weight_dtype = RolloutDtype::kAuto;
  std::int64_t slots = 0;
  RemoteRolloutConfig remote;

  void fields(FieldList& list);
  void validate() const;
};

}  // namespace polaris
