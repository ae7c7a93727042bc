#include "weights/model_config.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "weights/config_object.h"
#include "weights/error_text.h"
#include "weights/model_family.h"

namespace polaris {
namespace {

// Far above every published model, and small enough that the parameters of all layers together are
// counted in 63 bits: 4096 layers of 3 * 2^20 * 2^22 weights.
constexpr std::int64_t kMaxWidth = 1 << 20;
constexpr std::int64_t kMaxIntermediate = 1 << 22;
constexpr std::int64_t kMaxVocabulary = 1 << 24;
constexpr std::int64_t kMaxLayers = 4096;
constexpr std::int64_t kMaxHeads = 4096;
constexpr std::int64_t kMaxHeadDim = 4096;
constexpr std::int64_t kMaxConvKernel = 64;
constexpr std::int64_t kMaxPositions = std::int64_t{1} << 40;
constexpr double kMaxTheta = 1e15;
constexpr std::uintmax_t kMaxConfigBytes = 16U << 20;

constexpr std::string_view kLinear = "linear_attention";
constexpr std::string_view kFull = "full_attention";

const Family& find_family(const ConfigObject& root) {
  const auto supported = [] {
    std::vector<std::string_view> names;
    for (const Family& family : families()) names.push_back(family.model_types.front());
    return fmt::format("supported are {} (dense text models)", fmt::join(names, ", "));
  };
  const auto model_type = root.text("model_type");
  for (const Family& family : families()) {
    if (!model_type || !contains(family.model_types, *model_type)) continue;
    const auto classes = root.texts("architectures");
    if (classes && !classes->empty() &&
        std::none_of(classes->begin(), classes->end(),
                     [&](const auto& name) { return contains(family.classes, name); })) {
      throw root.error("architectures",
                       fmt::format("the class {} is not supported, only {}",
                                   shown(classes->front()), fmt::join(family.classes, ", ")));
    }
    return family;
  }
  throw root.error("model_type", supported());
}

/// Refuses by name what would load and then compute something else.
void refuse_unsupported(const ConfigObject& root, const ConfigObject& text) {
  for (const ConfigObject& part : {root, text}) {
    for (const char* key : {"num_experts", "num_local_experts", "n_routed_experts"}) {
      if (part.optional_integer(key, 0, kMaxWidth).value_or(0) > 0)
        throw part.error(key, "mixture-of-experts models are not supported");
    }
    if (part.has("quantization_config")) {
      throw part.error("quantization_config",
                       "quantised weights are not supported; use the model it was made from");
    }
  }
  for (const char* key : {"attention_bias", "mlp_bias", "use_sliding_window"}) {
    if (text.boolean(key).value_or(false)) throw text.error(key, "only false is supported");
  }
  if (!text.boolean("attn_output_gate").value_or(true))
    throw text.error("attn_output_gate", "only true is supported");
  if (const auto gate = text.text("output_gate_type"); gate && *gate != "swish" && *gate != "silu")
    throw text.error("output_gate_type", "only \"swish\" is supported");
  if (const auto act = text.text("hidden_act"); act && *act != "silu")
    throw text.error("hidden_act", "only \"silu\" is supported");
}

std::vector<LayerKind> read_layers(const ConfigObject& text, const Family& family) {
  const std::int64_t count = text.integer("num_hidden_layers", 1, kMaxLayers);
  const auto types = text.texts("layer_types");
  std::vector<LayerKind> layers;
  if (!types) {
    if (!family.linear_layers)
      return std::vector<LayerKind>(static_cast<std::size_t>(count), LayerKind::kFullAttention);
    const std::int64_t interval =
        text.optional_integer("full_attention_interval", 1, kMaxLayers).value_or(4);
    for (std::int64_t i = 0; i < count; ++i) {
      layers.push_back((i + 1) % interval == 0 ? LayerKind::kFullAttention
                                               : LayerKind::kLinearAttention);
    }
    return layers;
  }
  if (static_cast<std::int64_t>(types->size()) != count) {
    throw text.error("layer_types", fmt::format("it names {} layers, num_hidden_layers is {}",
                                                types->size(), count));
  }
  for (const std::string& type : *types) {
    if (type == kFull) {
      layers.push_back(LayerKind::kFullAttention);
    } else if (type == kLinear && family.linear_layers) {
      layers.push_back(LayerKind::kLinearAttention);
    } else {
      throw text.error("layer_types",
                       fmt::format("it names the kind {}; supported here: {}", shown(type),
                                   family.linear_layers ? "full_attention, linear_attention"
                                                        : "full_attention"));
    }
  }
  return layers;
}

void read_attention(const ConfigObject& text, const Family& family, ModelConfig& config) {
  config.attention_heads = text.integer("num_attention_heads", 1, kMaxHeads);
  config.key_value_heads = family.sizes_may_be_absent
                               ? text.optional_integer("num_key_value_heads", 1, kMaxHeads)
                                     .value_or(config.attention_heads)
                               : text.integer("num_key_value_heads", 1, kMaxHeads);
  if (config.attention_heads % config.key_value_heads != 0) {
    throw text.error("num_key_value_heads",
                     fmt::format("it must divide num_attention_heads, {}", config.attention_heads));
  }
  if (!family.sizes_may_be_absent || text.has("head_dim")) {
    config.head_dim = text.integer("head_dim", 1, kMaxHeadDim);
  } else if (config.hidden_size % config.attention_heads != 0) {
    throw text.error("head_dim", fmt::format("it is needed: {} heads do not divide hidden_size, {}",
                                             config.attention_heads, config.hidden_size));
  } else {
    config.head_dim = config.hidden_size / config.attention_heads;
  }
  if (family.sliding_window) {
    // transformers' class takes 4096 where the key is absent, and no window where it is null.
    config.sliding_window = text.states("sliding_window")
                                ? text.optional_integer("sliding_window", 1, kMaxPositions)
                                : std::optional<std::int64_t>(4096);
  }
}

std::optional<LinearAttentionConfig> read_linear_attention(const ConfigObject& text,
                                                           const ModelConfig& config) {
  if (std::find(config.layers.begin(), config.layers.end(), LayerKind::kLinearAttention) ==
      config.layers.end())
    return std::nullopt;
  const LinearAttentionConfig linear{
      .key_heads = text.integer("linear_num_key_heads", 1, kMaxHeads),
      .value_heads = text.integer("linear_num_value_heads", 1, kMaxHeads),
      .key_head_dim = text.integer("linear_key_head_dim", 1, kMaxHeadDim),
      .value_head_dim = text.integer("linear_value_head_dim", 1, kMaxHeadDim),
      .conv_kernel = text.integer("linear_conv_kernel_dim", 1, kMaxConvKernel)};
  if (linear.value_heads % linear.key_heads != 0) {
    throw text.error(
        "linear_num_value_heads",
        fmt::format("it must be a multiple of linear_num_key_heads, {}", linear.key_heads));
  }
  return linear;
}

RopeConfig read_rope(const ConfigObject& text, const Family& family, const ModelConfig& config) {
  RopeConfig rope;
  auto object = text.object("rope_parameters");
  if (!object) object = text.object("rope_scaling");  // before transformers 5
  const ConfigObject& inner = object ? *object : text;
  const auto with = [&](const char* key) -> const ConfigObject& {
    return inner.has(key) ? inner : text;  // inner values win over the copies beside them
  };

  const char* type_key = object && !object->has("rope_type") ? "type" : "rope_type";
  const std::string type = object ? object->text(type_key).value_or("default") : "default";
  if (type == "llama3" && !family.linear_layers) {
    Llama3RopeScaling scaling{
        .factor = object->positive("factor", 1e6),
        .low_freq_factor = object->positive("low_freq_factor", 1e6),
        .high_freq_factor = object->positive("high_freq_factor", 1e6),
        .original_max_position_embeddings =
            with("original_max_position_embeddings")
                .integer("original_max_position_embeddings", 1, kMaxPositions)};
    if (scaling.high_freq_factor <= scaling.low_freq_factor)
      throw object->error("high_freq_factor", "it must be above low_freq_factor");
    rope.llama3 = scaling;
  } else if (type != "default") {
    throw object->error(type_key, family.linear_layers
                                      ? "only \"default\" is supported"
                                      : "only \"default\" and \"llama3\" are supported");
  }

  const ConfigObject& theta = with("rope_theta");
  rope.theta = family.sizes_may_be_absent
                   ? theta.optional_positive("rope_theta", kMaxTheta).value_or(10000.0)
                   : theta.positive("rope_theta", kMaxTheta);

  const ConfigObject& partial = with("partial_rotary_factor");
  const double factor = partial.optional_positive("partial_rotary_factor", 1.0)
                            .value_or(family.partial_rotary_factor);
  if (family.partial_rotary_factor == 1.0 && factor != 1.0)
    throw partial.error("partial_rotary_factor", "only 1 is supported in this family");
  rope.rotary_dims = static_cast<std::int64_t>(static_cast<double>(config.head_dim) * factor);
  if (rope.rotary_dims < 2 || rope.rotary_dims % 2 != 0) {
    throw partial.error(
        "partial_rotary_factor",
        fmt::format("of head_dim {}, {} dims would rotate; an even number is needed",
                    config.head_dim, rope.rotary_dims));
  }
  if (family.linear_layers) {
    rope.mrope_section = inner.integers("mrope_section", 0, rope.rotary_dims / 2)
                             .value_or(std::vector<std::int64_t>{});
    std::int64_t pairs = 0;
    for (const std::int64_t section : rope.mrope_section) pairs += section;
    if (!rope.mrope_section.empty() &&
        (rope.mrope_section.size() != 3 || pairs != rope.rotary_dims / 2)) {
      throw inner.error("mrope_section", fmt::format("three numbers with the sum {} are needed",
                                                     rope.rotary_dims / 2));
    }
  }
  return rope;
}

std::optional<Dtype> read_dtype(const ConfigObject& object) {
  for (const char* key : {"dtype", "torch_dtype"}) {
    const auto name = object.text(key);
    if (!name || *name == "auto") continue;
    for (const Dtype dtype : {Dtype::kF32, Dtype::kBF16, Dtype::kF16}) {
      if (*name == torch_dtype_name(dtype)) return dtype;
    }
    throw object.error(key, "float32, bfloat16 or float16 is needed");
  }
  return std::nullopt;
}

/// Adds the ids that are not yet there. Old files write -1 for "none".
void add_tokens(const ConfigObject& object, const char* key, std::int64_t vocab_size,
                std::vector<std::int64_t>& tokens) {
  for (const std::int64_t id :
       object.integers(key, -1, vocab_size - 1).value_or(std::vector<std::int64_t>{})) {
    if (id >= 0 && std::find(tokens.begin(), tokens.end(), id) == tokens.end())
      tokens.push_back(id);
  }
}

std::optional<std::int64_t> read_token(const ConfigObject& object, const char* key,
                                       std::int64_t vocab_size) {
  const auto id = object.optional_integer(key, -1, vocab_size - 1);
  return id && *id >= 0 ? id : std::nullopt;
}

}  // namespace

ModelConfig parse_model_config(const Json& json, std::string_view where) {
  const ConfigObject root(json, std::string(where), "");
  const Family& family = find_family(root);
  const ConfigObject text = root.object("text_config").value_or(root);
  refuse_unsupported(root, text);

  ModelConfig config;
  config.architecture = family.architecture;
  config.vocab_size = text.integer("vocab_size", 1, kMaxVocabulary);
  config.hidden_size = text.integer("hidden_size", 1, kMaxWidth);
  config.intermediate_size = text.integer("intermediate_size", 1, kMaxIntermediate);
  config.layers = read_layers(text, family);
  read_attention(text, family, config);
  config.linear_attention = read_linear_attention(text, config);
  config.rope = read_rope(text, family, config);
  config.rms_norm_eps = text.positive("rms_norm_eps", 0.1);
  config.max_position_embeddings = text.integer("max_position_embeddings", 1, kMaxPositions);
  config.tie_word_embeddings = text.boolean("tie_word_embeddings")
                                   .value_or(root.boolean("tie_word_embeddings").value_or(false));
  // The top level of a nested file names the end of a turn, text_config the end of the text.
  add_tokens(root, "eos_token_id", config.vocab_size, config.eos_token_ids);
  add_tokens(text, "eos_token_id", config.vocab_size, config.eos_token_ids);
  config.bos_token_id = read_token(text, "bos_token_id", config.vocab_size);
  config.pad_token_id = read_token(text, "pad_token_id", config.vocab_size);
  config.dtype = read_dtype(text);
  if (!config.dtype) config.dtype = read_dtype(root);
  return config;
}

void add_generation_config(ModelConfig& config, const Json& json, std::string_view where) {
  const ConfigObject object(json, std::string(where), "");
  std::vector<std::int64_t> tokens;
  add_tokens(object, "eos_token_id", config.vocab_size, tokens);
  for (const std::int64_t id : config.eos_token_ids) {
    if (std::find(tokens.begin(), tokens.end(), id) == tokens.end()) tokens.push_back(id);
  }
  config.eos_token_ids = std::move(tokens);
}

ModelConfig read_model_config(const std::filesystem::path& path) {
  std::error_code ignored;  // what cannot be looked at cannot be read either, and that is reported
  const auto file = std::filesystem::is_directory(path, ignored) ? path / "config.json" : path;
  ModelConfig config = parse_model_config(read_json_file(file, kMaxConfigBytes), file.string());
  const auto generation = file.parent_path() / "generation_config.json";
  if (std::filesystem::symlink_status(generation, ignored).type() !=
      std::filesystem::file_type::not_found)
    add_generation_config(config, read_json_file(generation, kMaxConfigBytes), generation.string());
  return config;
}

}  // namespace polaris
