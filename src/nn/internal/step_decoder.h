#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "base/token_id.h"
#include "nn/internal/decoder_cache.h"
#include "nn/internal/packed_decoder.h"

namespace polaris::nn {

/// One token of several sequences in a cache on the CPU: what extend() and logits() compute,
/// without a tensor operation on the way, for which a step of a small model has no time.
/// Activations and cache are float32.
///
/// Rows do not meet but in products, where they do not depend on each other
/// (kernels/row_product_kernels.h): a row's logits are the same bits whatever else is in the step,
/// and however the work is divided over threads.
class StepDecoder {
 public:
  /// Where all matrices together take no more bytes, threads divide the rows of a step, and each
  /// reads the matrices from its core's cache. Larger ones are read once: threads divide columns.
  static constexpr std::int64_t kCachedBytes = std::int64_t{1} << 24;

  /// @param packed, cache  outlive this
  StepDecoder(const PackedDecoder& packed, DecoderCache& cache,
              std::int64_t cached_bytes = kCachedBytes);
  ~StepDecoder();

  /// @param slots   all different, each with room for a token
  /// @param tokens  [slots]
  /// @return        [slots, vocab], valid until the next call
  std::span<float> step(std::span<const std::int64_t> slots, std::span<const TokenId> tokens);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace polaris::nn
