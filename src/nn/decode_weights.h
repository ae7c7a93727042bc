#pragma once

#include <memory>
#include <optional>

#include "nn/policy.h"

namespace polaris {

namespace nn {
class PackedDecoder;
}

/// How writing on the CPU keeps the weight matrices.
enum class WeightStorage {
  kFloat32,
  kBfloat16,  ///< rounded, and so is what they are multiplied with; sums are float32
  kInt8,      ///< 255 steps per row of a matrix
};

/// A policy to write with. On the CPU, with a copy of its matrices in the order in which a decode
/// step reads them: the weights as they are now. After an update, make a new one.
class DecodeWeights {
 public:
  /// @param storage  absent: the policy's compute type
  /// @throws Error{kInvalidConfig} for a storage that is not the compute type, on a GPU; for one
  ///         that is narrower, of a model with adapters; Error{kOutOfMemory}
  explicit DecodeWeights(const Policy& policy, std::optional<WeightStorage> storage = {});

  const Policy& policy() const { return policy_; }

  /// Null where steps are tensor operations: on a GPU, for a model whose copy in the compute type
  /// would take too much memory, and for one with adapters beside bfloat16 weights.
  const nn::PackedDecoder* packed() const { return packed_.get(); }

 private:
  Policy policy_;
  std::shared_ptr<const nn::PackedDecoder> packed_;
};

}  // namespace polaris
