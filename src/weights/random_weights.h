#pragma once

#include <cstdint>
#include <string_view>

#include "base/task_pool.h"
#include "weights/checkpoint_writer.h"

namespace polaris {

/// The values of a model that has learnt nothing (specs/performance.md F, published code of the
/// families):
///
///   matrices, embedding, head   N(0, 0.02^2)
///   norms                       where y = x (1 + w): 0, else 1
///   A_log                       log U(0.01, 16): decay rates of every speed
///   dt_bias                     1
///   conv1d                      U(-b, b), b = 1 / sqrt(taps): the default of PyTorch's Conv1d,
///   with
///                               which Mamba and the delta-rule layers were made. N(0, 0.02^2)
///                               instead would shrink q, k and v some 25 times, where SiLU is a
///                               straight line and the epsilon of q's and k's norm shows.
///
/// Every value is a function of the seed, the tensor's canonical name and the element's index
/// alone: any piece, in any order, with any number of threads, gives the same numbers; bfloat16 is
/// the rounded float32. The last bit of a float32 may be another on a machine whose log and cos
/// differ.
class RandomWeights {
 public:
  /// @param config, pool  borrowed
  RandomWeights(const ModelConfig& config, std::uint64_t seed, TaskPool& pool)
      : config_(config), seed_(seed), pool_(pool) {}

  /// As FillTensor.
  void fill(std::string_view canonical_name, Dtype dtype, std::uint64_t first_element,
            std::span<std::byte> piece) const;

 private:
  const ModelConfig& config_;
  std::uint64_t seed_;
  TaskPool& pool_;
};

}  // namespace polaris
