#include "nn/internal/adamw.h"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full_like.h>
#include <ATen/ops/maximum.h>
#include <ATen/ops/minimum.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros_like.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/random.h"
#include "nn/cuda/adamw_blocks.h"
#include "nn/internal/run_blocks.h"
#include "nn/kernels/adamw_kernels.h"
#include "nn/kernels/moment_map.h"

namespace polaris::nn {
namespace {

kernels::AdamWConstants constants(const AdamWStep& step) {
  const auto narrow = [](double x) { return static_cast<float>(x); };
  const auto count = static_cast<double>(step.step);
  return {.gradient_scale = narrow(step.gradient_scale),
          .decay = narrow(step.lr * step.weight_decay),
          .step_size = narrow(step.lr / (1 - std::pow(step.beta1, count))),
          .one_minus_beta1 = narrow(1 - step.beta1),
          .beta2 = narrow(step.beta2),
          .one_minus_beta2 = narrow(1 - step.beta2),
          .inverse_root_bias2 = narrow(1 / std::sqrt(1 - std::pow(step.beta2, count))),
          .eps = narrow(step.eps),
          .rounding = {.seed = step.seed,
                       .step = static_cast<std::uint32_t>(step.step),
                       .purpose = static_cast<std::uint32_t>(RandomPurpose::kRounding)}};
}

constexpr std::int64_t kBlock = kernels::kMomentBlock;

std::int64_t blocks(std::int64_t parameters) { return (parameters + kBlock - 1) / kBlock; }

void check(const AdamWRange& range, const AdamWStep& step) {
  POLARIS_CHECK(step.step >= 1 && range.first >= 0, "step {}, first {}", step.step, range.first);
  const auto is = [&](const at::Tensor& x, at::ScalarType type) {
    return x.scalar_type() == type && x.is_contiguous() && x.numel() == range.weight.numel();
  };
  const bool split = range.remainder.defined();
  POLARIS_CHECK(is(range.weight, split ? at::kBFloat16 : at::kFloat), "weights");
  POLARIS_CHECK(!split || is(range.remainder, at::kShort), "remainders");
  POLARIS_CHECK(is(range.gradient, at::kFloat), "gradients");
  const at::ScalarType moments = range.m.scalar_type();
  if (moments == at::kChar) {
    POLARIS_CHECK(is(range.m, at::kChar) && is(range.v, at::kByte), "moments");
    for (const at::Tensor& scale : {range.m_scale, range.v_scale})
      POLARIS_CHECK(scale.defined() && scale.scalar_type() == at::kFloat && scale.is_contiguous() &&
                        scale.numel() == blocks(range.weight.numel()),
                    "scales of moments");
    return;
  }
  POLARIS_CHECK(moments == at::kFloat || moments == at::kBFloat16, "moments");
  POLARIS_CHECK(is(range.m, moments) && is(range.v, moments), "moments");
}

template <class T>
T* data(const at::Tensor& x) {
  return static_cast<T*>(x.mutable_data_ptr());
}

kernels::AdamWArrays arrays(const AdamWRange& range, std::int64_t begin, std::int64_t end) {
  kernels::AdamWArrays part = {.first = range.first + begin,
                               .count = end - begin,
                               .gradient = data<float>(range.gradient) + begin};
  if (range.remainder.defined()) {
    part.upper = data<kernels::Bf16>(range.weight) + begin;
    part.lower = data<std::int16_t>(range.remainder) + begin;
  } else {
    part.weight = data<float>(range.weight) + begin;
  }
  if (range.m.scalar_type() == at::kChar) {
    part.m8 = data<std::int8_t>(range.m) + begin;
    part.root8 = data<std::uint8_t>(range.v) + begin;
    part.m_scale = data<float>(range.m_scale) + begin / kBlock;
    part.root_scale = data<float>(range.v_scale) + begin / kBlock;
  } else if (range.m.scalar_type() == at::kFloat) {
    part.m32 = data<float>(range.m) + begin;
    part.v32 = data<float>(range.v) + begin;
  } else {
    part.m16 = data<kernels::Bf16>(range.m) + begin;
    part.v16 = data<kernels::Bf16>(range.v) + begin;
  }
  return part;
}

/// A step of the composite form makes half a dozen temporaries of this many floats, whole blocks.
constexpr std::int64_t kSlice = 1 << 24;

AdamWRange slice(const AdamWRange& range, std::int64_t begin, std::int64_t count) {
  const auto part = [&](const at::Tensor& x) { return x.view({-1}).narrow(0, begin, count); };
  const auto scales = [&](const at::Tensor& x) {
    return x.defined() ? x.view({-1}).narrow(0, begin / kBlock, blocks(count)) : x;
  };
  return {.first = range.first + begin,
          .weight = part(range.weight),
          .remainder = range.remainder.defined() ? part(range.remainder) : at::Tensor(),
          .gradient = part(range.gradient),
          .m = part(range.m),
          .v = part(range.v),
          .m_scale = scales(range.m_scale),
          .v_scale = scales(range.v_scale)};
}

/// The bits of a float, as int32, and back.
at::Tensor bits_of(const at::Tensor& x) { return x.view(at::kInt); }
at::Tensor upper_half(const at::Tensor& bits) {
  return bits.__rshift__(16).to(at::kShort).view(at::kBFloat16);
}

at::Tensor master(const AdamWRange& range) {
  if (!range.remainder.defined()) return range.weight;
  const at::Tensor upper = range.weight.view(at::kShort).to(at::kInt).__lshift__(16);
  return (upper + range.remainder).view(at::kFloat);
}

void set_master(const AdamWRange& range, const at::Tensor& w) {
  if (!range.remainder.defined()) {
    range.weight.copy_(w);
    return;
  }
  const at::Tensor bits = bits_of(w.masked_fill(w.isnan(), NAN));
  range.weight.copy_(upper_half(bits + 0x8000));
  range.remainder.copy_(bits.to(at::kShort));
}

/// A scale for every parameter of the blocks [n].
at::Tensor spread(const at::Tensor& scale, std::int64_t n) {
  return scale.view({-1, 1}).expand({-1, kBlock}).reshape({-1}).narrow(0, 0, n);
}

/// Numbers [n] from codes [n].
template <class Map>
at::Tensor decoded(const at::Tensor& codes, const at::Tensor& scale) {
  const at::Tensor code = codes.to(at::kFloat), size = code.abs();
  at::Tensor magnitude = at::zeros_like(code);
  for (const auto& line : Map::kLines.line)
    magnitude = at::maximum(magnitude, size * line.slope + line.intercept);
  return magnitude * spread(scale, codes.numel()) * code.sign();
}

/// Sets codes and scales to what stands for x [n]; `up` as in kernels::code_of, a number or [n].
template <class Map>
void encode(const at::Tensor& x, const at::Tensor& codes, const at::Tensor& scale, const auto& up) {
  const at::Tensor size = x.abs();
  const at::Tensor padded = at::constant_pad_nd(size, {0, scale.numel() * kBlock - x.numel()});
  scale.copy_(padded.view({-1, kBlock}).amax(1));
  const at::Tensor inverse = at::where(scale.ge(0x1p-126F), scale.reciprocal(), 0.0F);
  const at::Tensor magnitude = size * spread(inverse, x.numel());
  at::Tensor code = at::full_like(magnitude, Map::kLastCode);
  for (const auto& line : Map::kLines.line)
    code = at::minimum(code, magnitude * line.inverse_slope + line.inverse_intercept);
  codes.copy_((code + up).trunc() * x.sign());
}

at::Tensor first_moments(const AdamWRange& range) {
  if (range.m.scalar_type() != at::kChar) return range.m.to(at::kFloat);
  return decoded<kernels::FirstMomentMap>(range.m, range.m_scale);
}

at::Tensor second_moments(const AdamWRange& range) {
  if (range.v.scalar_type() != at::kByte) return range.v.to(at::kFloat);
  return decoded<kernels::SecondMomentMap>(range.v, range.v_scale).square();
}

void set_m(const AdamWRange& range, const at::Tensor& m) {
  if (range.m.scalar_type() == at::kChar) {
    encode<kernels::FirstMomentMap>(m, range.m, range.m_scale, 0.5F);
  } else {
    range.m.copy_(m);
  }
}

void set_v(const AdamWRange& range, const at::Tensor& v, const kernels::RoundingStream& stream) {
  if (range.v.scalar_type() == at::kFloat) {
    range.v.copy_(v);
    return;
  }
  const at::Tensor drawn = at::empty({v.numel()}, at::kShort);  // there are no kernels elsewhere
  kernels::adamw_kernels().rounding_bits(stream, range.first, v.numel(),
                                         data<std::uint16_t>(drawn));
  const at::Tensor random = drawn.to(v.device()).to(at::kInt).bitwise_and(0xffff);
  if (range.v.scalar_type() == at::kByte) {
    encode<kernels::SecondMomentMap>(v.sqrt(), range.v, range.v_scale,
                                     random.to(at::kFloat) * 0x1p-16F);
  } else {
    range.v.copy_(upper_half(bits_of(v) + random));
  }
}

}  // namespace

void adamw_composite(const AdamWRange& range, const AdamWStep& step) {
  check(range, step);
  const at::NoGradGuard no_grad;
  const kernels::AdamWConstants c = constants(step);
  for (std::int64_t begin = 0; begin < range.weight.numel(); begin += kSlice) {
    const AdamWRange part = slice(range, begin, std::min(kSlice, range.weight.numel() - begin));
    const at::Tensor g = part.gradient * c.gradient_scale;
    const at::Tensor old_m = first_moments(part);
    const at::Tensor m = old_m + (g - old_m) * c.one_minus_beta1;
    const at::Tensor v = second_moments(part) * c.beta2 + g * g * c.one_minus_beta2;
    set_m(part, m);
    set_v(part, v, c.rounding);
    const at::Tensor denominator = v.sqrt() * c.inverse_root_bias2 + c.eps;
    const at::Tensor w = master(part);
    set_master(part, w - (w * c.decay + m * c.step_size / denominator));
  }
}

namespace {

template <class Weights>
void run_gpu_kernels(const Weights& weights, const kernels::AdamWArrays& a,
                     const kernels::AdamWConstants& constants, const at::Tensor& where) {
  const auto run = [&](const auto& kernel) { run_blocks(kernel, kernel.indices(), where); };
  if (a.m8 != nullptr) {
    run(cuda::AdamWUpdate8<Weights>{weights, a.gradient, a.m8, a.root8, a.m_scale, a.root_scale,
                                    a.first, a.count, constants});
  } else if (a.m32 != nullptr) {
    run(cuda::AdamWUpdate<Weights, float>{weights, a.gradient, a.m32, a.v32, a.first, a.count,
                                          constants});
  } else {
    run(cuda::AdamWUpdate<Weights, kernels::Bf16>{weights, a.gradient, a.m16, a.v16, a.first,
                                                  a.count, constants});
  }
}

void update_by_gpu_kernels(const AdamWRange& range, const AdamWStep& step) {
  const kernels::AdamWArrays a = arrays(range, 0, range.weight.numel());
  if (a.weight != nullptr) {
    run_gpu_kernels(kernels::WholeWeights{a.weight}, a, constants(step), range.weight);
  } else {
    run_gpu_kernels(kernels::SplitWeights{a.upper, a.lower}, a, constants(step), range.weight);
  }
}

}  // namespace

void adamw(const AdamWRange& range, const AdamWStep& step) {
  check(range, step);
  if (takes_gpu_kernels(range.weight)) {
    update_by_gpu_kernels(range, step);
    return;
  }
  if (!range.weight.is_cpu()) {
    adamw_composite(range, step);
    return;
  }
  const kernels::AdamWConstants c = constants(step);
  constexpr std::int64_t kGrain = (1 << 15) / kBlock;
  const std::int64_t count = range.weight.numel();
  at::parallel_for(0, blocks(count), kGrain, [&](std::int64_t begin, std::int64_t end) {
    kernels::adamw_kernels().update(arrays(range, begin * kBlock, std::min(end * kBlock, count)),
                                    c);
  });
}

}  // namespace polaris::nn
