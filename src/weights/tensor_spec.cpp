#include "weights/tensor_spec.h"

#include <fmt/format.h>

namespace polaris {

std::optional<std::uint64_t> element_count(std::span<const std::int64_t> shape) {
  std::uint64_t count = 1;
  for (const std::int64_t dim : shape) {
    if (dim < 0 || __builtin_mul_overflow(count, static_cast<std::uint64_t>(dim), &count))
      return std::nullopt;
  }
  return count;
}

std::optional<std::uint64_t> byte_size(const TensorSpec& spec) {
  const auto count = element_count(spec.shape);
  std::uint64_t bits = 0;
  if (!count || __builtin_mul_overflow(*count, dtype_bits(spec.dtype), &bits) || bits % 8 != 0)
    return std::nullopt;
  return bits / 8;
}

std::string shape_text(std::span<const std::int64_t> shape) {
  return fmt::format("[{}]", fmt::join(shape, ", "));
}

}  // namespace polaris
