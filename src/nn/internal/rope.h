#pragma once

#include <ATen/core/Tensor.h>

#include "weights/model_config.h"

namespace polaris::nn {

/// Cosine and sine of every rotary angle: pair i of the token at position p turns by p f_i.
struct RopeTables {
  at::Tensor cos, sin;  ///< [T, rotary_dims / 2] float32
};

/// f_i = theta^(-2i / rotary_dims), stretched for long wavelengths if the model asks for llama3
/// scaling (specs/qwen3_5.md 8).
/// @return [rotary_dims / 2] float32, radians per position, on the CPU
at::Tensor rope_frequencies(const RopeConfig& config);

/// @param positions  [T] int64
/// @return tables on the positions' device. Angles are rounded to float32 before the cosine, as
/// where the published models were trained.
RopeTables rope_tables(const RopeConfig& config, const at::Tensor& positions);

}  // namespace polaris::nn
