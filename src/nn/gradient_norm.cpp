#include "nn/internal/gradient_norm.h"

#include <ATen/Parallel.h>
#include <ATen/ops/linalg_vector_norm.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "nn/kernels/adamw_kernels.h"

namespace polaris::nn {
namespace {

constexpr std::int64_t kBlock = 1 << 16;

double block_sum(const kernels::AdamWKernels& table, const at::Tensor& x, std::int64_t begin) {
  const std::int64_t count = std::min(kBlock, x.numel() - begin);
  return x.scalar_type() == at::kDouble
             ? table.sum_of_squares_double(x.const_data_ptr<double>() + begin, count)
             : table.sum_of_squares(x.const_data_ptr<float>() + begin, count);
}

double sum_of_squares(const at::Tensor& x) {
  if (!x.is_cpu()) {
    const double norm = at::linalg_vector_norm(x, 2, {}, false, at::kDouble).item<double>();
    return norm * norm;
  }
  const kernels::AdamWKernels table = kernels::adamw_kernels();
  std::vector<double> partials((x.numel() + kBlock - 1) / kBlock);
  at::parallel_for(0, static_cast<std::int64_t>(partials.size()), 1, [&](auto begin, auto end) {
    for (auto i = begin; i < end; ++i) partials[i] = block_sum(table, x, i * kBlock);
  });
  double sum = 0;
  for (const double partial : partials) sum += partial;
  return sum;
}

}  // namespace

GradientNorm gradient_norm(std::span<const at::Tensor> gradients) {
  GradientNorm result;
  double total = 0;
  for (const at::Tensor& gradient : gradients) {
    POLARIS_CHECK(gradient.is_contiguous(), "a gradient with gaps");
    const double sum = sum_of_squares(gradient);
    if (!std::isfinite(sum)) result.not_finite.push_back(result.sums_of_squares.size());
    result.sums_of_squares.push_back(sum);
    total += sum;
  }
  result.norm = std::sqrt(total);
  return result;
}

}  // namespace polaris::nn
