#include "weights/expected_tensors.h"

#include "base/error.h"

namespace polaris {
namespace {

/// Appends the tensors of one layer under "layers.N.".
class LayerTensors {
 public:
  LayerTensors(const ModelConfig& config, std::size_t layer, std::vector<ExpectedTensor>& out)
      : config_(config), prefix_(fmt::format("layers.{}.", layer)), out_(out) {}

  void add_all(LayerKind kind) {
    add("input_layernorm.weight", {config_.hidden_size});
    if (kind == LayerKind::kLinearAttention) {
      add_linear_attention(*config_.linear_attention);
    } else {
      add_attention();
    }
    add("post_attention_layernorm.weight", {config_.hidden_size});
    add("mlp.gate_proj.weight", {config_.intermediate_size, config_.hidden_size});
    add("mlp.up_proj.weight", {config_.intermediate_size, config_.hidden_size});
    add("mlp.down_proj.weight", {config_.hidden_size, config_.intermediate_size});
  }

 private:
  void add_attention() {
    const std::int64_t query_rows = config_.attention_heads * config_.head_dim;
    const std::int64_t key_rows = config_.key_value_heads * config_.head_dim;
    const std::int64_t gate_rows = config_.has_output_gate() ? query_rows : 0;
    add("self_attn.q_proj.weight", {query_rows + gate_rows, config_.hidden_size});
    add("self_attn.k_proj.weight", {key_rows, config_.hidden_size});
    add("self_attn.v_proj.weight", {key_rows, config_.hidden_size});
    add("self_attn.o_proj.weight", {config_.hidden_size, query_rows});
    if (config_.has_qk_norm()) {
      add("self_attn.q_norm.weight", {config_.head_dim});
      add("self_attn.k_norm.weight", {config_.head_dim});
    }
  }

  void add_linear_attention(const LinearAttentionConfig& linear) {
    add("linear_attn.in_proj_qkv.weight", {linear.conv_dim(), config_.hidden_size});
    add("linear_attn.in_proj_z.weight", {linear.value_dim(), config_.hidden_size});
    add("linear_attn.in_proj_b.weight", {linear.value_heads, config_.hidden_size});
    add("linear_attn.in_proj_a.weight", {linear.value_heads, config_.hidden_size});
    add("linear_attn.conv1d.weight", {linear.conv_dim(), 1, linear.conv_kernel});
    add("linear_attn.A_log", {linear.value_heads});
    add("linear_attn.dt_bias", {linear.value_heads});
    add("linear_attn.norm.weight", {linear.value_head_dim});
    add("linear_attn.out_proj.weight", {config_.hidden_size, linear.value_dim()});
  }

  void add(const char* name, Shape shape) { out_.push_back({prefix_ + name, std::move(shape)}); }

  const ModelConfig& config_;
  std::string prefix_;
  std::vector<ExpectedTensor>& out_;
};

}  // namespace

std::vector<ExpectedTensor> expected_tensors(const ModelConfig& config) {
  std::vector<ExpectedTensor> tensors;
  tensors.push_back({"embed_tokens.weight", {config.vocab_size, config.hidden_size}});
  for (std::size_t i = 0; i < config.layers.size(); ++i)
    LayerTensors(config, i, tensors).add_all(config.layers[i]);
  tensors.push_back({"norm.weight", {config.hidden_size}});
  if (!config.tie_word_embeddings)
    tensors.push_back({"lm_head.weight", {config.vocab_size, config.hidden_size}});
  return tensors;
}

std::int64_t parameter_count(const ModelConfig& config) {
  std::int64_t total = 0;
  for (const ExpectedTensor& tensor : expected_tensors(config)) {
    const auto count = element_count(tensor.shape);
    POLARIS_CHECK(count.has_value(), "{} has no size", tensor.name);
    total += static_cast<std::int64_t>(*count);
  }
  return total;
}

Dtype stored_dtype(std::string_view canonical_name, Dtype save_dtype) {
  const bool stays_float32 = canonical_name.ends_with(".linear_attn.A_log") ||
                             canonical_name.ends_with(".linear_attn.norm.weight");
  return stays_float32 ? Dtype::kF32 : save_dtype;
}

}  // namespace polaris
