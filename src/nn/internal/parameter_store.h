#pragma once

#include <ATen/core/Tensor.h>

#include <map>
#include <span>
#include <string>
#include <string_view>

#include "nn/internal/sharding.h"
#include "nn/internal/weight.h"
#include "nn/parameter_layout.h"
#include "weights/model_folder.h"

namespace polaris::nn {

/// How the values are held.
struct StoreOptions {
  at::Device device = at::kCPU;
  at::ScalarType compute = at::kFloat;  ///< of matrices: float32, bfloat16, float64 (tests)
  /// Keep the low 16 bits of every weight beside its bfloat16 form, so that both together are an
  /// exact float32 (specs/performance.md D.4). Only with compute == bfloat16.
  bool split_master = false;
  bool gradients = false;  ///< make a gradient arena
  /// The ranks that train together, each with the remainders of its shard only (ZeRO-1). Outlives
  /// the store; null: one process.
  Collective* collective = nullptr;
};

/// All parameters of a model in flat arenas over the index space of its ParameterLayout.
///
///   weights    compute type     what the layers read; under split_master its upper half
///   remainder  int16            the lower half (split_master only), of the own shard
///   gradient   float32          added to by the layers (float64 where weights are)
///
/// Under bfloat16 compute, vectors have a float32 copy in an arena of their own, which the layers
/// read instead: refresh_vectors() renews it from the master.
class ParameterStore {
 public:
  ParameterStore(ParameterLayout layout, const StoreOptions& options);

  const ParameterLayout& layout() const { return layout_; }
  const StoreOptions& options() const { return options_; }
  const Sharding& sharding() const { return sharding_; }

  /// Views of one published tensor, in its shape.
  Weight weight(std::string_view name) const;

  /// Views of the matrix that `first` begins and `last` ends (ParameterLayout).
  Weight joined(std::string_view first, std::string_view last) const;

  at::Tensor weights(ParameterRange range) const;    ///< [count]
  at::Tensor remainder(ParameterRange range) const;  ///< [count], of the own shard
  at::Tensor gradient(ParameterRange range) const;   ///< [count]

  void zero_gradient();

  /// After changes of masters: renews the copies of vectors. All ranks call it.
  void refresh_vectors();

  /// After changes of the own shard: its weights become everybody's. All ranks call it.
  void publish();

  /// Gives a tensor new values, from a float32 master on the host: element i of `values` becomes
  /// element `first + i`. All ranks write the same; refresh_vectors() must
  /// follow.
  void write(const Parameter& parameter, std::int64_t first, std::span<const float> values);

  /// Gives masters that are upper halves so far their lower ones (kernels/split_float.h), of a
  /// split master where it is of the own shard. All ranks write the same.
  void write_remainder(const Parameter& parameter, std::int64_t first,
                       std::span<const std::int16_t> values);

  /// The master's values, exact: as write() takes them. With several ranks only on rank 0 while it
  /// has gathered().
  void read(const Parameter& parameter, std::int64_t first, std::span<float> values) const;

  /// While it lives, rank 0 has the whole split master, its lower half on the host.
  class Gathered {
   public:
    /// All ranks make one at the same time. @param store  outlives it
    explicit Gathered(ParameterStore& store);
    ~Gathered() { store_.gathered_.reset(); }
    Gathered(const Gathered&) = delete;
    Gathered& operator=(const Gathered&) = delete;

   private:
    ParameterStore& store_;
  };

 private:
  at::Tensor gradient_view(ParameterRange range, at::IntArrayRef shape) const;
  at::Tensor lower_halves(ParameterRange range) const;  // on the host
  at::Tensor vector(ParameterRange in_vectors) const;

  ParameterLayout layout_;
  StoreOptions options_;
  Sharding sharding_;
  at::Tensor weights_, remainder_, gradient_;
  at::Tensor gathered_;  // int16 remainders of all ranks, while they are wanted
  // Under bfloat16 compute: float32 copies of vectors, end to end, and where each lies.
  at::Tensor vectors_;
  std::map<std::string, ParameterRange, std::less<>> vector_ranges_;
};

/// Reads all weights of a checkpoint.
/// @throws Error{kInvalidData} naming file, tensor and element if a weight is not finite
void load_weights(ParameterStore& store, const ModelFolder& folder);

}  // namespace polaris::nn
