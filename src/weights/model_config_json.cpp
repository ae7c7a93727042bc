#include <cmath>

#include "weights/model_config.h"
#include "weights/model_family.h"

namespace polaris {
namespace {

/// A factor f for which int(head_dim * f), which is what every reader computes, is `rotary_dims`.
double partial_rotary_factor(std::int64_t rotary_dims, std::int64_t head_dim) {
  const double factor = static_cast<double>(rotary_dims) / static_cast<double>(head_dim);
  const bool rounds_down =
      static_cast<double>(head_dim) * factor < static_cast<double>(rotary_dims);
  return rounds_down ? std::nextafter(factor, 2.0) : factor;
}

Json rope_json(const ModelConfig& config, const Family& family) {
  const RopeConfig& rope = config.rope;
  Json json = {{"rope_type", rope.llama3 ? "llama3" : "default"}, {"rope_theta", rope.theta}};
  if (rope.llama3) {
    json["factor"] = rope.llama3->factor;
    json["low_freq_factor"] = rope.llama3->low_freq_factor;
    json["high_freq_factor"] = rope.llama3->high_freq_factor;
    json["original_max_position_embeddings"] = rope.llama3->original_max_position_embeddings;
  }
  if (family.partial_rotary_factor != 1.0)
    json["partial_rotary_factor"] = partial_rotary_factor(rope.rotary_dims, config.head_dim);
  if (!rope.mrope_section.empty()) {
    json["mrope_section"] = rope.mrope_section;
    json["mrope_interleaved"] = true;
  }
  return json;
}

}  // namespace

Json make_config_json(const ModelConfig& config) {
  const Family& family = family_of(config.architecture);
  Json json = {{"architectures", {family.classes.back()}},
               {"model_type", family.model_types.back()},
               {"vocab_size", config.vocab_size},
               {"hidden_size", config.hidden_size},
               {"intermediate_size", config.intermediate_size},
               {"num_hidden_layers", config.layers.size()},
               {"num_attention_heads", config.attention_heads},
               {"num_key_value_heads", config.key_value_heads},
               {"head_dim", config.head_dim},
               {"hidden_act", "silu"},
               {"rms_norm_eps", config.rms_norm_eps},
               {"max_position_embeddings", config.max_position_embeddings},
               {"rope_parameters", rope_json(config, family)},
               {"tie_word_embeddings", config.tie_word_embeddings},
               {"bos_token_id", or_null(config.bos_token_id)},
               {"pad_token_id", or_null(config.pad_token_id)},
               {"eos_token_id", nullptr}};
  if (config.eos_token_ids.size() == 1) {
    json["eos_token_id"] = config.eos_token_ids.front();
  } else if (!config.eos_token_ids.empty()) {
    json["eos_token_id"] = config.eos_token_ids;
  }
  if (config.dtype) json["dtype"] = torch_dtype_name(*config.dtype);
  if (family.sliding_window) json["sliding_window"] = or_null(config.sliding_window);
  if (family.linear_layers) {
    Json types = Json::array();
    for (const LayerKind kind : config.layers) {
      types.push_back(kind == LayerKind::kLinearAttention ? "linear_attention" : "full_attention");
    }
    json["layer_types"] = std::move(types);
  }
  if (config.linear_attention) {
    json["linear_num_key_heads"] = config.linear_attention->key_heads;
    json["linear_num_value_heads"] = config.linear_attention->value_heads;
    json["linear_key_head_dim"] = config.linear_attention->key_head_dim;
    json["linear_value_head_dim"] = config.linear_attention->value_head_dim;
    json["linear_conv_kernel_dim"] = config.linear_attention->conv_kernel;
  }
  return json;
}

}  // namespace polaris
