#include "nn/internal/delta_plan.h"

#include <ATen/ops/tensor.h>

#include <algorithm>
#include <numeric>

#include "base/error.h"
#include "nn/kernels/delta_chunk.h"

namespace polaris::nn {
namespace {

at::Tensor index_tensor(const std::vector<std::int64_t>& values, at::Device device) {
  return at::tensor(values, at::kLong).to(device);
}

}  // namespace

DeltaPlan::DeltaPlan(const PackedSequences& sequences, at::Device device, std::int64_t chunk_length)
    : sequences_(sequences), chunk_length_(chunk_length) {
  POLARIS_CHECK(chunk_length > 0 && chunk_length % kernels::kDeltaBlock == 0 &&
                    chunk_length <= kernels::kMaxDeltaChunk,
                "chunk length {}", chunk_length);
  std::vector<std::int64_t> order(sequences.count());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) {
    return sequences.length(a) > sequences.length(b);
  });

  std::vector<std::int64_t> rows;
  std::vector<std::int64_t> places(sequences.tokens());
  first_chunk_.push_back(0);
  for (std::int64_t start = 0; start < sequences.max_length(); start += chunk_length) {
    std::int64_t chunks = first_chunk_.back();
    for (const std::int64_t sequence : order) {
      if (sequences.length(sequence) <= start) break;
      ++chunks;
      for (std::int64_t i = start; i < start + chunk_length; ++i) {
        const std::int64_t row = sequences.begin(sequence) + i;
        const bool present = i < sequences.length(sequence);
        if (present) places[row] = static_cast<std::int64_t>(rows.size());
        rows.push_back(present ? row : sequences.tokens());
      }
    }
    first_chunk_.push_back(chunks);
  }

  std::vector<std::int64_t> rank(order.size());
  for (std::size_t i = 0; i < order.size(); ++i) rank[order[i]] = static_cast<std::int64_t>(i);
  order_ = index_tensor(order, device);
  rank_ = index_tensor(rank, device);
  rows_ = index_tensor(rows, device);
  places_ = index_tensor(places, device);
}

}  // namespace polaris::nn
