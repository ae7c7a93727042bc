#include "nn/internal/step_activations.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <utility>

#include "nn/internal/row_ops.h"

namespace polaris::nn {

StepActivations::StepActivations(const ModelConfig& config, std::int64_t rows) {
  const std::int64_t heads = config.attention_heads * config.head_dim;
  const std::int64_t key_values = config.key_value_heads * config.head_dim;
  projection_ = std::max(2 * config.intermediate_size, 2 * heads + 2 * key_values);
  mixed_ = heads;
  if (config.linear_attention) {
    const LinearAttentionConfig& linear = *config.linear_attention;
    per_head_ = linear.value_heads;
    projection_ = std::max(projection_, linear.conv_dim() + linear.value_dim() + 2 * per_head_);
    mixed_ = std::max({mixed_, linear.value_dim(), linear.key_dim()});
  }
  hidden_ = config.hidden_size;
  y_ = std::max(mixed_, config.intermediate_size);
  row_size_ = 4 * hidden_ + projection_ + 5 * mixed_ + 2 * per_head_ + y_;
  memory_ = at::empty({rows * row_size_}, at::kFloat);
}

StepActivations::Rows StepActivations::rows(std::int64_t begin, std::int64_t count) const {
  float* next = mutable_data<float>(memory_) + begin * row_size_;
  const auto take = [&](std::int64_t width) { return std::exchange(next, next + count * width); };
  return {.x = take(hidden_),
          .residual = take(hidden_),
          .sum = take(hidden_),
          .normed = take(hidden_),
          .projection = take(projection_),
          .q = take(mixed_),
          .k = take(mixed_),
          .v = take(mixed_),
          .g = take(per_head_),
          .beta = take(per_head_),
          .gate = take(mixed_),
          .o = take(mixed_),
          .y = take(y_)};
}

}  // namespace polaris::nn
