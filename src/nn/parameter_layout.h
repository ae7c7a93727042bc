#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "weights/expected_tensors.h"
#include "weights/model_config.h"
#include "weights/tensor_spec.h"

namespace polaris {

/// A range of the parameters' index space.
struct ParameterRange {
  std::int64_t begin = 0;
  std::int64_t count = 0;

  std::int64_t end() const { return begin + count; }
};

/// One published tensor and where its elements lie.
struct Parameter {
  std::string name;  ///< canonical (weights/expected_tensors.h)
  Shape shape;
  ParameterRange range;

  /// Vectors and the convolution enter float32 arithmetic and are never rounded to bfloat16 in
  /// the model (specs/performance.md D.4).
  bool is_matrix() const { return shape.size() == 2; }
};

/// True for a tensor that continues the joined matrix which the tensor before it began (below).
bool continues_joined_matrix(std::string_view name);

/// One index space for all parameters, in layer order: embedding, layers from the first to the
/// last, final norm, head. Weights, their remainders, gradients and moments are flat arenas over
/// it, so that every operation on parameters takes a range of it.
///
/// Projections that read the same input lie end to end and are one matrix for the layers:
///   q, k, v      of full attention            layers.N.self_attn
///   qkv, z, b, a of linear attention          layers.N.linear_attn
///   gate, up     of the feed-forward layer    layers.N.mlp
/// Everything else starts at a multiple of kAlignment elements; the gaps stay zero.
class ParameterLayout {
 public:
  static constexpr std::int64_t kAlignment = 64;

  explicit ParameterLayout(const ModelConfig& config);

  /// Any other tensors; those of a group lie end to end.
  explicit ParameterLayout(std::span<const std::vector<ExpectedTensor>> groups);

  /// In the order of their ranges.
  const std::vector<Parameter>& parameters() const { return parameters_; }

  /// @throws Error{kInternal} for a name that the architecture does not have
  const Parameter& at(std::string_view name) const;

  /// Elements of the index space, gaps included.
  std::int64_t size() const { return size_; }

 private:
  void add(const ExpectedTensor& tensor, bool continues);

  std::vector<Parameter> parameters_;
  std::int64_t size_ = 0;
};

}  // namespace polaris
