#pragma once

#include <ATen/core/Tensor.h>

#include <map>
#include <span>
#include <string>
#include <string_view>

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
};

/// All parameters of a model in flat arenas over the index space of its ParameterLayout.
///
///   weights    compute type     what the layers read; under split_master its upper half
///   remainder  int16            the lower half (split_master only)
///   gradient   float32          added to by the layers (float64 where weights are)
///
/// Under bfloat16 compute, vectors have a float32 copy in an arena of their own, which the layers
/// read instead: refresh_vectors() renews it from the master.
class ParameterStore {
 public:
  ParameterStore(ParameterLayout layout, const StoreOptions& options);

  const ParameterLayout& layout() const { return layout_; }
  const StoreOptions& options() const { return options_; }

  /// Views of one published tensor, in its shape.
  Weight weight(std::string_view name) const;

  /// Views of the matrix that `first` begins and `last` ends (ParameterLayout).
  Weight joined(std::string_view first, std::string_view last) const;

  at::Tensor weights(ParameterRange range) const;    ///< [count]
  at::Tensor remainder(ParameterRange range) const;  ///< [count]
  at::Tensor gradient(ParameterRange range) const;   ///< [count]

  void zero_gradient();
  void refresh_vectors();

  /// Gives a tensor new values, from a float32 master on the host: element i of `values` becomes
  /// element `first + i`. refresh_vectors() must follow.
  void write(const Parameter& parameter, std::int64_t first, std::span<const float> values);

  /// The master's values, exact: as write() takes them.
  void read(const Parameter& parameter, std::int64_t first, std::span<float> values) const;

 private:
  at::Tensor gradient_view(ParameterRange range, at::IntArrayRef shape) const;

  ParameterLayout layout_;
  StoreOptions options_;
  at::Tensor weights_, remainder_, gradient_;
  std::map<std::string, at::Tensor, std::less<>> vectors_;  // bfloat16 compute only
};

/// Reads all weights of a checkpoint.
/// @throws Error{kInvalidData} naming file, tensor and element if a weight is not finite
void load_weights(ParameterStore& store, const ModelFolder& folder);

}  // namespace polaris::nn
