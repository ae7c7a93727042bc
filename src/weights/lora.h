#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "weights/expected_tensors.h"
#include "weights/model_config.h"

namespace polaris {

/// A projection W [out, in] with a low-rank adapter: A [rank, in] and B [out, rank] beside it.
struct LoraTarget {
  std::string module;  ///< canonical, without ".weight": "layers.0.self_attn.q_proj"
  std::int64_t out = 0;
  std::int64_t in = 0;

  std::string weight() const { return module + ".weight"; }
  std::string a() const { return module + ".lora_A.weight"; }
  std::string b() const { return module + ".lora_B.weight"; }

  bool operator==(const LoraTarget&) const = default;
};

/// Which projections of a model have an adapter, and of what size (LoRA, arXiv:2106.09685):
///
///   y = x W^T + scale (x A^T) B^T,   scale = alpha / rank
struct LoraLayout {
  std::int64_t rank = 0;
  double alpha = 0.0;
  std::vector<std::string> names;   ///< as PEFT's target_modules: "q_proj"
  std::vector<LoraTarget> targets;  ///< in layer order

  double scale() const { return alpha / static_cast<double>(rank); }

  /// A and B of one target after the other.
  std::vector<ExpectedTensor> tensors() const;

  std::int64_t parameter_count() const;
};

/// All projections inside the layers of a model; embedding and head are none.
std::vector<LoraTarget> lora_projections(const ModelConfig& config);

/// @param names  PEFT's target_modules: ends of module names ("q_proj", "layers.3.mlp.up_proj"), or
///               "all-linear" for every projection
/// @throws Error{kInvalidConfig} for a name that fits no projection, or none at all
LoraLayout make_lora_layout(const ModelConfig& config, std::int64_t rank, double alpha,
                            std::span<const std::string> names);

}  // namespace polaris
