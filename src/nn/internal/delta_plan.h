#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "nn/internal/packed.h"

namespace polaris::nn {

/// How packed sequences are cut into chunks for the delta rule (specs/performance.md A.7). Made
/// once per micro-batch and used by every layer.
///
/// A chunk never holds tokens of two sequences; the last one of a sequence may be partly empty.
/// Chunks are numbered by step: chunk 0 of all sequences, then chunk 1 of all that have one, and so
/// on, with the longest sequences first. So the chunks of a step are neighbours, and the sequences
/// that still run are the first ones of order().
class DeltaPlan {
 public:
  /// @param device        of the tensors that the plan will serve
  /// @param chunk_length  C: a multiple of 16, at most 128. Any gives the same result up to
  ///                      rounding; on a CPU 32 is faster for heads of 32 or 64, 64 for 128
  /// @throws Error{kInternal} for another chunk length
  DeltaPlan(const PackedSequences& sequences, at::Device device, std::int64_t chunk_length = 64);

  const PackedSequences& sequences() const { return sequences_; }
  std::int64_t chunk_length() const { return chunk_length_; }
  std::int64_t chunk_count() const { return first_chunk_.back(); }
  std::int64_t steps() const { return static_cast<std::int64_t>(first_chunk_.size()) - 1; }

  std::int64_t first_chunk(std::int64_t step) const { return first_chunk_[step]; }
  /// Sequences that have a chunk at this step.
  std::int64_t active(std::int64_t step) const {
    return first_chunk_[step + 1] - first_chunk_[step];
  }

  /// [count] int64: the sequences, longest first.
  const at::Tensor& order() const { return order_; }
  /// [count] int64: where in order() each sequence is.
  const at::Tensor& rank() const { return rank_; }
  /// [chunk_count * C] int64: the packed row at each place of each chunk, T where it is empty.
  const at::Tensor& rows() const { return rows_; }
  /// [T] int64: the place of each packed row, the inverse of rows().
  const at::Tensor& places() const { return places_; }

 private:
  PackedSequences sequences_;
  std::int64_t chunk_length_;
  std::vector<std::int64_t> first_chunk_;  // [steps + 1]
  at::Tensor order_, rank_, rows_, places_;
};

}  // namespace polaris::nn
