#include "nn/internal/moments.h"

#include <ATen/ops/zeros.h>

#include "nn/kernels/moment_map.h"

namespace polaris::nn {
namespace {

constexpr std::int64_t kFewestCodes = 4096;

bool stays_wide(const Parameter& parameter) {
  return parameter.shape.size() < 2 || parameter.range.count < kFewestCodes;
}

at::Tensor view(const at::Tensor& arena, const ParameterRange& range) {
  return arena.defined() ? arena.narrow(0, range.begin, range.count) : arena;
}

}  // namespace

Moments::Moments(const ParameterLayout& layout, MomentDtype dtype, at::Device device) {
  const bool has_codes = dtype == MomentDtype::kInt8;
  std::int64_t wide = 0, blocks = 0;
  for (const Parameter& parameter : layout.parameters()) {
    Place place{.range = parameter.range};
    if (has_codes && stays_wide(parameter)) {
      place.is_wide = true;
      place.range.begin = wide;
      wide += parameter.range.count;
    } else if (has_codes) {
      place.blocks = {blocks, (parameter.range.count - 1) / kernels::kMomentBlock + 1};
      blocks = place.blocks.end();
    }
    places_.push_back(place);
  }

  const auto zeros = [&](std::int64_t count, at::ScalarType type) {
    return at::zeros({count}, at::TensorOptions().device(device).dtype(type));
  };
  const std::int64_t size = layout.size();
  if (has_codes) {
    arenas_ = {zeros(size, at::kChar), zeros(size, at::kByte), zeros(blocks, at::kFloat),
               zeros(blocks, at::kFloat)};
    wide_ = {zeros(wide, at::kFloat), zeros(wide, at::kFloat), {}, {}};
  } else {
    const auto type = dtype == MomentDtype::kBfloat16 ? at::kBFloat16 : at::kFloat;
    arenas_ = {zeros(size, type), zeros(size, type), {}, {}};
  }
}

MomentTensors Moments::of(std::size_t i) const {
  const Place& place = places_.at(i);
  const MomentTensors& from = place.is_wide ? wide_ : arenas_;
  return {view(from.m, place.range), view(from.v, place.range), view(from.m_scale, place.blocks),
          view(from.v_scale, place.blocks)};
}

}  // namespace polaris::nn
