#include "nn/internal/adamw.h"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/random.h"
#include "nn/kernels/adamw_kernels.h"

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
  if (range.m.scalar_type() == at::kFloat) {
    part.m32 = data<float>(range.m) + begin;
    part.v32 = data<float>(range.v) + begin;
  } else {
    part.m16 = data<kernels::Bf16>(range.m) + begin;
    part.v16 = data<kernels::Bf16>(range.v) + begin;
  }
  return part;
}

/// A step of the composite form makes half a dozen temporaries of this many floats.
constexpr std::int64_t kSlice = 1 << 24;

AdamWRange slice(const AdamWRange& range, std::int64_t begin, std::int64_t count) {
  const auto part = [&](const at::Tensor& x) { return x.view({-1}).narrow(0, begin, count); };
  return {.first = range.first + begin,
          .weight = part(range.weight),
          .remainder = range.remainder.defined() ? part(range.remainder) : at::Tensor(),
          .gradient = part(range.gradient),
          .m = part(range.m),
          .v = part(range.v)};
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

void set_v(const AdamWRange& range, const at::Tensor& v, const kernels::RoundingStream& stream) {
  if (range.v.scalar_type() == at::kFloat) {
    range.v.copy_(v);
    return;
  }
  const at::Tensor random = at::empty({v.numel()}, at::kShort);  // there are no kernels elsewhere
  kernels::adamw_kernels().rounding_bits(stream, range.first, v.numel(),
                                         data<std::uint16_t>(random));
  range.v.copy_(upper_half(bits_of(v) + random.to(v.device()).to(at::kInt).bitwise_and(0xffff)));
}

}  // namespace

void adamw_composite(const AdamWRange& range, const AdamWStep& step) {
  check(range, step);
  const at::NoGradGuard no_grad;
  const kernels::AdamWConstants c = constants(step);
  for (std::int64_t begin = 0; begin < range.weight.numel(); begin += kSlice) {
    const AdamWRange part = slice(range, begin, std::min(kSlice, range.weight.numel() - begin));
    const at::Tensor g = part.gradient * c.gradient_scale;
    const at::Tensor old_m = part.m.to(at::kFloat);
    const at::Tensor m = old_m + (g - old_m) * c.one_minus_beta1;
    const at::Tensor v = part.v.to(at::kFloat) * c.beta2 + g * g * c.one_minus_beta2;
    part.m.copy_(m);
    set_v(part, v, c.rounding);
    const at::Tensor denominator = v.sqrt() * c.inverse_root_bias2 + c.eps;
    const at::Tensor w = master(part);
    set_master(part, w - (w * c.decay + m * c.step_size / denominator));
  }
}

void adamw(const AdamWRange& range, const AdamWStep& step) {
  if (!range.weight.is_cpu()) {
    adamw_composite(range, step);
    return;
  }
  check(range, step);
  const kernels::AdamWConstants c = constants(step);
  constexpr std::int64_t kGrain = 1 << 15;
  at::parallel_for(0, range.weight.numel(), kGrain, [&](std::int64_t begin, std::int64_t end) {
    kernels::adamw_kernels().update(arrays(range, begin, end), c);
  });
}

}  // namespace polaris::nn
