#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/TensorOptions.h>

#include <cstdint>
#include <functional>
#include <vector>

#include "nn/collective.h"
#include "nn/parameter_layout.h"

namespace polaris::nn {

/// A part of one parameter whose optimizer state one rank keeps.
struct Shard {
  std::size_t parameter = 0;  ///< of the layout
  std::int64_t first = 0;     ///< where it begins within the parameter: a multiple of kGrain
  ParameterRange range;       ///< of the index space
};

/// Who keeps masters and moments of what, and how gradients get there and weights come back:
/// ZeRO-1 (arXiv:1910.02054). Rank r keeps the r-th of equal parts of the index space; all have all
/// weights. Cuts are between blocks of 8-bit moments, so that a number of ranks changes no block.
class Sharding {
 public:
  static constexpr std::int64_t kGrain = 256;

  /// @param collective  outlives this; null: one process, which keeps everything
  Sharding(const ParameterLayout& layout, Collective* collective);

  int ranks() const { return static_cast<int>(ranges_.size()); }
  int rank() const { return collective_->rank(); }
  Collective& collective() const { return *collective_; }

  ParameterRange range(int rank) const { return ranges_.at(static_cast<std::size_t>(rank)); }
  ParameterRange own() const { return range(rank()); }

  /// In the order of the index space.
  const std::vector<Shard>& shards(int rank) const {
    return shards_.at(static_cast<std::size_t>(rank));
  }
  const std::vector<Shard>& own_shards() const { return shards(rank()); }

  /// Own elements of an arena over the index space become their sums over ranks, added in the order
  /// of ranks whatever the transport. The others are as they were.
  void reduce(const at::Tensor& arena) const;

  /// Every rank's own elements of an arena become everybody's.
  void share(const at::Tensor& arena) const;

  /// Hands `values` [count] of rank `owner` to all ranks, slice by slice.
  /// @param values  read at the owner only
  /// @param sink    called with consecutive slices from element `first` on
  void stream(int owner, const at::Tensor& values, std::int64_t count,
              const at::TensorOptions& options,
              const std::function<void(std::int64_t first, const at::Tensor& slice)>& sink) const;

 private:
  Collective* collective_;
  std::vector<ParameterRange> ranges_;      // by rank
  std::vector<std::vector<Shard>> shards_;  // by rank
};

}  // namespace polaris::nn
