#include "nn/internal/moments.h"

#include <ATen/ops/zeros.h>

#include "nn/kernels/moment_map.h"

namespace polaris::nn {
namespace {

constexpr std::int64_t kFewestCodes = 4096;
static_assert(Sharding::kGrain % kernels::kMomentBlock == 0, "a cut would divide a block");

bool stays_wide(const Parameter& parameter) {
  return parameter.shape.size() < 2 || parameter.range.count < kFewestCodes;
}

at::Tensor view(const at::Tensor& arena, const ParameterRange& range) {
  return arena.defined() ? arena.narrow(0, range.begin, range.count) : arena;
}

}  // namespace

Moments::Moments(const ParameterLayout& layout, const Sharding& sharding, MomentDtype dtype,
                 at::Device device)
    : dtype_(dtype == MomentDtype::kAuto ? MomentDtype::kFloat32 : dtype) {
  const bool has_codes = dtype == MomentDtype::kInt8;
  std::int64_t size = 0, wide = 0, scales = 0;
  for (const Shard& shard : sharding.own_shards()) {
    Place place{.range = {0, shard.range.count}};
    place.is_wide = has_codes && stays_wide(layout.parameters()[shard.parameter]);
    std::int64_t& end = place.is_wide ? wide : size;
    place.range.begin = end;
    end = place.range.end();
    if (has_codes && !place.is_wide) {
      place.blocks = {scales, blocks(shard.range.count)};
      scales = place.blocks.end();
    }
    places_.push_back(place);
  }

  const auto zeros = [&](std::int64_t count, at::ScalarType type) {
    return at::zeros({count}, at::TensorOptions().device(device).dtype(type));
  };
  if (has_codes) {
    arenas_ = {zeros(size, at::kChar), zeros(size, at::kByte), zeros(scales, at::kFloat),
               zeros(scales, at::kFloat)};
    wide_ = {zeros(wide, at::kFloat), zeros(wide, at::kFloat), {}, {}};
  } else {
    const auto type = dtype == MomentDtype::kBfloat16 ? at::kBFloat16 : at::kFloat;
    arenas_ = {zeros(size, type), zeros(size, type), {}, {}};
  }
}

std::int64_t Moments::blocks(std::int64_t count) {
  return (count + kernels::kMomentBlock - 1) / kernels::kMomentBlock;
}

MomentTypes Moments::types(const Parameter& parameter) const {
  if (dtype_ == MomentDtype::kInt8 && !stays_wide(parameter)) return {at::kChar, at::kByte, true};
  const auto type = dtype_ == MomentDtype::kBfloat16 ? at::kBFloat16 : at::kFloat;
  return {type, type, false};
}

MomentTensors Moments::of(std::size_t i) const {
  const Place& place = places_.at(i);
  const MomentTensors& from = place.is_wide ? wide_ : arenas_;
  return {view(from.m, place.range), view(from.v, place.range), view(from.m_scale, place.blocks),
          view(from.v_scale, place.blocks)};
}

}  // namespace polaris::nn
