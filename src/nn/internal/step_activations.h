#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "weights/model_config.h"

namespace polaris::nn {

/// What the layers of a decode step read and write. Threads work on rows of their own in memory of
/// their own.
class StepActivations {
 public:
  struct Rows {
    float *x, *residual, *sum, *normed;  ///< [rows, hidden]
    float* projection;                   ///< [rows, columns of in or of gate_up]
    float *q, *k, *v, *g, *beta;         ///< of attention or of the delta rule
    float* gate;                         ///< their output gate
    float* o;                            ///< what they give
    float* y;                            ///< [rows, k of out or of down]
  };

  StepActivations(const ModelConfig& config, std::int64_t rows);

  /// Memory for rows [begin, begin + count).
  Rows rows(std::int64_t begin, std::int64_t count) const;

 private:
  std::int64_t hidden_, projection_, mixed_, per_head_ = 0, y_, row_size_;
  at::Tensor memory_;
};

}  // namespace polaris::nn
