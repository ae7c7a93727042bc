#include "nn/parameter_layout.h"

#include <algorithm>
#include <array>

#include "base/error.h"
#include "weights/expected_tensors.h"

namespace polaris {
namespace {

/// True for a tensor that continues the matrix which the tensor before it began.
bool continues_previous(std::string_view name) {
  constexpr std::array<std::string_view, 6> kContinuing = {
      ".self_attn.k_proj.weight",      ".self_attn.v_proj.weight",
      ".linear_attn.in_proj_z.weight", ".linear_attn.in_proj_b.weight",
      ".linear_attn.in_proj_a.weight", ".mlp.up_proj.weight"};
  return std::ranges::any_of(kContinuing, [&](auto ending) { return name.ends_with(ending); });
}

std::int64_t aligned(std::int64_t index) {
  constexpr std::int64_t kStep = ParameterLayout::kAlignment;
  return (index + kStep - 1) / kStep * kStep;
}

}  // namespace

ParameterLayout::ParameterLayout(const ModelConfig& config) {
  for (ExpectedTensor& tensor : expected_tensors(config)) {
    const auto count = static_cast<std::int64_t>(element_count(tensor.shape).value());
    const std::int64_t begin = continues_previous(tensor.name) ? size_ : aligned(size_);
    parameters_.push_back({std::move(tensor.name), std::move(tensor.shape), {begin, count}});
    size_ = begin + count;
  }
  size_ = aligned(size_);
}

const Parameter& ParameterLayout::at(std::string_view name) const {
  const auto found = std::ranges::find(parameters_, name, &Parameter::name);
  POLARIS_CHECK(found != parameters_.end(), "there is no parameter {}", name);
  return *found;
}

}  // namespace polaris
