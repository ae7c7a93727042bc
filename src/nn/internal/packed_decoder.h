#pragma once

#include <optional>
#include <vector>

#include "nn/internal/decoder.h"
#include "nn/internal/packed_matrix.h"
#include "nn/kernels/attention_inputs_kernels.h"
#include "nn/kernels/delta_inputs_kernels.h"
#include "nn/kernels/norm_kernels.h"

namespace polaris::nn {

/// A layer as a decode step reads it: packed matrices, and pointers to the other weights.
struct PackedLayer {
  PackedLayer(const Decoder& decoder, const LayerWeights& weights, WeightStorage storage);

  kernels::Norm input_norm, post_norm;
  PackedMatrix in, out, gate_up, down;
  std::optional<kernels::HeadLayout> heads;   ///< full attention; cos and sin are for the caller
  std::optional<kernels::DeltaLayout> delta;  ///< linear attention
  kernels::Norm delta_norm{};
  at::Tensor taps;  ///< [kernel, C], which delta points to
};

/// What StepDecoder reads of a decoder on the CPU, of any type.
class PackedDecoder {
 public:
  /// @param decoder  outlives this
  PackedDecoder(const Decoder& decoder, WeightStorage storage);

  /// What the packed matrices of a decoder take.
  static std::int64_t bytes(const Decoder& decoder, WeightStorage storage);

  const Decoder& decoder() const { return decoder_; }
  const std::vector<PackedLayer>& layers() const { return layers_; }
  const kernels::Norm& final_norm() const { return final_norm_; }
  const PackedMatrix& head() const { return head_; }
  std::int64_t bytes() const { return bytes_; }

 private:
  const Decoder& decoder_;
  std::vector<PackedLayer> layers_;
  kernels::Norm final_norm_;
  PackedMatrix head_;
  std::int64_t bytes_;
};

}  // namespace polaris::nn
