#include "nn/internal/gradient_norm.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"
#include "nn/cuda/adamw_blocks.h"
#include "nn/internal/run_blocks.h"
#include "nn/kernels/adamw_kernels.h"

namespace polaris::nn {
namespace {

constexpr std::int64_t kBlock = 1 << 16;

std::int64_t blocks_of(const at::Tensor& x) { return (x.numel() + kBlock - 1) / kBlock; }

double block_sum(const kernels::AdamWKernels& table, const at::Tensor& x, std::int64_t begin) {
  const std::int64_t count = std::min(kBlock, x.numel() - begin);
  return x.scalar_type() == at::kDouble
             ? table.sum_of_squares_double(x.const_data_ptr<double>() + begin, count)
             : table.sum_of_squares(x.const_data_ptr<float>() + begin, count);
}

template <class T>
void add_blocks(const at::Tensor& x, double* partials) {
  const cuda::SumOfSquares<T> kernel = {
      .x = x.const_data_ptr<T>(), .count = x.numel(), .per_index = kBlock, .partials = partials};
  run_blocks(kernel, blocks_of(x), x);
}

/// The partial sums of all tensors, one behind the other, by kernels for a GPU.
std::vector<double> partials_by_gpu_kernels(std::span<const at::Tensor> gradients) {
  std::int64_t count = 0;
  for (const at::Tensor& x : gradients) count += blocks_of(x);
  const at::Tensor all = at::empty({count}, gradients[0].options().dtype(at::kDouble));
  auto* next = all.mutable_data_ptr<double>();
  for (const at::Tensor& x : gradients) {
    x.scalar_type() == at::kDouble ? add_blocks<double>(x, next) : add_blocks<float>(x, next);
    next += blocks_of(x);
  }
  const at::Tensor host = all.cpu();  // the only wait
  const auto* partials = host.const_data_ptr<double>();
  return {partials, partials + count};
}

double sum_of_squares(const at::Tensor& x) {
  const kernels::AdamWKernels table = kernels::adamw_kernels();
  std::vector<double> partials(blocks_of(x));
  at::parallel_for(0, static_cast<std::int64_t>(partials.size()), 1, [&](auto begin, auto end) {
    for (auto i = begin; i < end; ++i) partials[i] = block_sum(table, x, i * kBlock);
  });
  return std::accumulate(partials.begin(), partials.end(), 0.0);
}

std::vector<double> sums_by_gpu_kernels(std::span<const at::Tensor> gradients) {
  const std::vector<double> partials = partials_by_gpu_kernels(gradients);
  std::vector<double> sums;
  auto next = partials.begin();
  for (const at::Tensor& x : gradients) {
    const auto end = next + blocks_of(x);
    sums.push_back(std::accumulate(next, end, 0.0));
    next = end;
  }
  return sums;
}

}  // namespace

GradientNorm gradient_norm(std::span<const at::Tensor> gradients) {
  for (const at::Tensor& gradient : gradients)
    POLARIS_CHECK(gradient.is_contiguous(), "a gradient with gaps");
  if (!gradients.empty() && takes_gpu_kernels(gradients[0]))
    return norm_of(sums_by_gpu_kernels(gradients));
  std::vector<double> sums;
  for (const at::Tensor& gradient : gradients) sums.push_back(sum_of_squares(gradient));
  return norm_of(std::move(sums));
}

GradientNorm norm_of(std::vector<double> sums_of_squares) {
  GradientNorm result;
  double total = 0;
  for (std::size_t i = 0; i < sums_of_squares.size(); ++i) {
    if (!std::isfinite(sums_of_squares[i])) result.not_finite.push_back(i);
    total += sums_of_squares[i];
  }
  result.norm = std::sqrt(total);
  result.sums_of_squares = std::move(sums_of_squares);
  return result;
}

}  // namespace polaris::nn
