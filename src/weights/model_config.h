#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "weights/dtype.h"

namespace polaris {

/// The families that one decoder serves (specs/qwen3_5.md 1 and 8).
enum class Architecture { kQwen3_5, kQwen3, kLlama, kMistral };

enum class LayerKind { kFullAttention, kLinearAttention };

/// Shape of the gated delta rule layers of Qwen3.5.
struct LinearAttentionConfig {
  std::int64_t key_heads = 0;
  std::int64_t value_heads = 0;  ///< a multiple of key_heads
  std::int64_t key_head_dim = 0;
  std::int64_t value_head_dim = 0;
  std::int64_t conv_kernel = 0;  ///< taps of the causal convolution

  std::int64_t key_dim() const { return key_heads * key_head_dim; }
  std::int64_t value_dim() const { return value_heads * value_head_dim; }
  /// Rows of in_proj_qkv and channels of the convolution: all queries, all keys, all values.
  std::int64_t conv_dim() const { return 2 * key_dim() + value_dim(); }

  bool operator==(const LinearAttentionConfig&) const = default;
};

/// Llama 3's stretching of the rotary wavelengths (specs/qwen3_5.md 8).
struct Llama3RopeScaling {
  double factor = 0.0;
  double low_freq_factor = 0.0;
  double high_freq_factor = 0.0;
  std::int64_t original_max_position_embeddings = 0;  ///< tokens

  bool operator==(const Llama3RopeScaling&) const = default;
};

/// Rotary positions. Only the first `rotary_dims` of a head rotate.
struct RopeConfig {
  double theta = 0.0;
  std::int64_t rotary_dims = 0;  ///< even, at most head_dim
  std::optional<Llama3RopeScaling> llama3;
  /// Pairs that follow the time, height and width axis of an image; text gives all three the same
  /// position, so only export needs them. Empty outside Qwen3.5.
  std::vector<std::int64_t> mrope_section;

  bool operator==(const RopeConfig&) const = default;
};

/// What a Hugging Face config.json says about a text model, checked. Sizes are at least 1 and small
/// enough that no tensor size overflows.
struct ModelConfig {
  Architecture architecture = Architecture::kQwen3_5;
  std::int64_t vocab_size = 0;
  std::int64_t hidden_size = 0;
  std::int64_t intermediate_size = 0;
  std::vector<LayerKind> layers;
  std::int64_t attention_heads = 0;
  std::int64_t key_value_heads = 0;  ///< divides attention_heads
  std::int64_t head_dim = 0;         ///< not always hidden_size / attention_heads
  std::optional<LinearAttentionConfig> linear_attention;  ///< set if a layer is linear
  RopeConfig rope;
  std::optional<std::int64_t> sliding_window;  ///< token i sees j with 0 <= i - j < window
  double rms_norm_eps = 0.0;
  std::int64_t max_position_embeddings = 0;  ///< tokens
  bool tie_word_embeddings = false;          ///< the head is the embedding matrix
  std::vector<std::int64_t> eos_token_ids;   ///< generation stops on any; generation_config's first
  std::optional<std::int64_t> bos_token_id;
  std::optional<std::int64_t> pad_token_id;
  std::optional<Dtype> dtype;  ///< what config.json states; every tensor has its own

  /// RMSNorm weights are stored minus one: y = x * (1 + w), multiplied before the cast. Does not
  /// hold for the gated norm of linear attention.
  bool zero_centred_norms() const { return architecture == Architecture::kQwen3_5; }
  /// Queries and keys are normalised per head before they rotate.
  bool has_qk_norm() const {
    return architecture == Architecture::kQwen3_5 || architecture == Architecture::kQwen3;
  }
  /// q_proj holds per head the query rows, then as many rows of the output gate.
  bool has_output_gate() const { return architecture == Architecture::kQwen3_5; }

  bool operator==(const ModelConfig&) const = default;
};

/// Reads the current and the older spelling, flat or nested under `text_config`.
/// @param where  names the file in errors
/// @throws Error{kInvalidData} naming file, key, value and what is needed; also for a model that we
///         cannot compute (mixture of experts, quantised weights, biases, other families)
ModelConfig parse_model_config(const Json& json, std::string_view where);

/// Puts the end tokens of a generation_config.json before those already known.
/// @throws Error{kInvalidData} as parse_model_config
void add_generation_config(ModelConfig& config, const Json& json, std::string_view where);

/// @param path  a config.json, or a folder that holds one; a generation_config.json beside it is
/// read
///              too
/// @throws Error{kIo} if config.json cannot be read, otherwise as parse_model_config
ModelConfig read_model_config(const std::filesystem::path& path);

/// The config.json of a text-only checkpoint with this architecture, in the spelling of
/// transformers
/// 5. parse_model_config gives back `config`.
Json make_config_json(const ModelConfig& config);

}  // namespace polaris
