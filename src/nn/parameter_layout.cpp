#include "nn/parameter_layout.h"

#include <algorithm>
#include <array>

#include "base/error.h"

namespace polaris {
namespace {

std::int64_t aligned(std::int64_t index) {
  constexpr std::int64_t kStep = ParameterLayout::kAlignment;
  return (index + kStep - 1) / kStep * kStep;
}

}  // namespace

bool continues_joined_matrix(std::string_view name) {
  constexpr std::array<std::string_view, 6> kContinuing = {
      ".self_attn.k_proj.weight",      ".self_attn.v_proj.weight",
      ".linear_attn.in_proj_z.weight", ".linear_attn.in_proj_b.weight",
      ".linear_attn.in_proj_a.weight", ".mlp.up_proj.weight"};
  return std::ranges::any_of(kContinuing, [&](auto ending) { return name.ends_with(ending); });
}

ParameterLayout::ParameterLayout(const ModelConfig& config) {
  for (const ExpectedTensor& tensor : expected_tensors(config))
    add(tensor, continues_joined_matrix(tensor.name));
  size_ = aligned(size_);
}

ParameterLayout::ParameterLayout(std::span<const std::vector<ExpectedTensor>> groups) {
  for (const auto& group : groups) {
    for (const ExpectedTensor& tensor : group) add(tensor, &tensor != &group.front());
  }
  size_ = aligned(size_);
}

void ParameterLayout::add(const ExpectedTensor& tensor, bool continues) {
  const auto count = static_cast<std::int64_t>(element_count(tensor.shape).value());
  const std::int64_t begin = continues ? size_ : aligned(size_);
  parameters_.push_back({tensor.name, tensor.shape, {begin, count}});
  size_ = begin + count;
}

const Parameter& ParameterLayout::at(std::string_view name) const {
  const auto found = std::ranges::find(parameters_, name, &Parameter::name);
  POLARIS_CHECK(found != parameters_.end(), "there is no parameter {}", name);
  return *found;
}

}  // namespace polaris
