#pragma once

#include <ATen/core/Tensor.h>

#include "nn/internal/decoder.h"
#include "nn/internal/decoder_cache.h"
#include "nn/internal/rope.h"

namespace polaris::nn {

/// One token of many sequences in a cache whose host does not know the tokens: what extend() and
/// logits() compute, with tokens, positions and lengths on the device (nn/cuda/slot_state.h) and
/// nothing of one row done by the host (specs/performance.md C.3). Products are tensor operations,
/// so is attention; the small parts between are kernels of nn/cuda/. On a CPU it is slow and for
/// tests.
class SlotDecoder {
 public:
  /// @param decoder, cache  outlive this; of float32 or bfloat16
  SlotDecoder(const Decoder& decoder, const DecoderCache& cache);

  /// Whether the kernels have heads of that size.
  static bool supports(const ModelConfig& config);

  /// @param slots   [rows] int32, different; -1: nothing
  /// @param states  [slots, cuda::kSlotInts] int32; a sequence's `next` goes into the cache, and
  ///                its length grows
  /// @return        [rows, vocab] float32 logits behind it; undefined in rows that are nothing
  at::Tensor step(const at::Tensor& slots, const at::Tensor& states) const;

 private:
  struct Rows;

  at::Tensor mix(const AttentionWeights& weights, const at::Tensor& x, const LayerCache& cache,
                 const Rows& rows) const;
  at::Tensor mix(const DeltaWeights& weights, const at::Tensor& x, const LayerCache& cache,
                 const Rows& rows) const;
  at::Tensor attend(const at::Tensor& q, const LayerCache& cache, const Rows& rows) const;

  const Decoder& decoder_;
  const DecoderCache& cache_;
  RopeTables rope_;  // of all positions
};

}  // namespace polaris::nn
