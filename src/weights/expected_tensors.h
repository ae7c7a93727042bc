#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "weights/model_config.h"
#include "weights/tensor_spec.h"

namespace polaris {

/// A tensor that the architecture needs. The name is canonical: without the prefix that differs
/// from file to file ("layers.3.self_attn.q_proj.weight", "norm.weight", "lm_head.weight").
struct ExpectedTensor {
  std::string name;
  Shape shape;

  bool operator==(const ExpectedTensor&) const = default;
};

/// Every tensor of the text model, in layer order: embedding, layers from the first to the last,
/// final norm, head. A tied head has no tensor of its own. Source: specs/qwen3_5.md 2 and 8.
std::vector<ExpectedTensor> expected_tensors(const ModelConfig& config);

/// Numbers in expected_tensors(config): a tied embedding counts once, the MTP head not at all.
std::int64_t parameter_count(const ModelConfig& config);

/// The type in which published checkpoints of `save_dtype` store a tensor: A_log and the gated norm
/// of linear attention stay float32, everything else is `save_dtype`.
Dtype stored_dtype(std::string_view canonical_name, Dtype save_dtype);

}  // namespace polaris
