#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "weights/dtype.h"

namespace polaris {

/// Dimensions, outermost first; empty for a scalar.
using Shape = std::vector<std::int64_t>;

/// What a file says about a tensor before its bytes.
struct TensorSpec {
  std::string name;
  Dtype dtype = Dtype::kF32;
  Shape shape;

  bool operator==(const TensorSpec&) const = default;
};

/// Product of the dimensions. Nothing if one is negative or the product does not fit.
std::optional<std::uint64_t> element_count(std::span<const std::int64_t> shape);

/// Bytes of the tensor. Nothing if the count does not fit, or packed elements leave a byte half
/// full.
std::optional<std::uint64_t> byte_size(const TensorSpec& spec);

/// "[128, 64]"
std::string shape_text(std::span<const std::int64_t> shape);

}  // namespace polaris
