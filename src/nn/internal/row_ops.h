#pragma once

#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>

#include <algorithm>
#include <cstdint>
#include <type_traits>

#include "base/error.h"
#include "nn/cuda/column_sums.h"
#include "nn/internal/norm.h"
#include "nn/internal/run_blocks.h"
#include "nn/internal/weight.h"
#include "nn/kernels/norm_rows.h"

/// What the operations on rows share: choice of form, pointers for kernels, split over threads.
namespace polaris::nn {

inline bool is_row_type(const at::Tensor& x) {
  return x.scalar_type() == at::kFloat || x.scalar_type() == at::kBFloat16;
}

/// True where an operation on `x` has a fused form for the CPU.
inline bool has_row_kernels(const at::Tensor& x) {
  return x.is_cpu() && is_row_type(x) && !takes_gpu_kernels(x);
}

/// True where an operation on `x` has a fused form, if there are kernels for the CPU and a GPU.
inline bool has_fused_form(const at::Tensor& x) {
  return is_row_type(x) && (x.is_cpu() || takes_gpu_kernels(x));
}

/// Calls work(T{}) with the kernels' name for the type of `x`: float or kernels::Bf16.
template <class Work>
void with_row_type(const at::Tensor& x, const Work& work) {
  if (x.scalar_type() == at::kFloat) {
    work(float{});
  } else {
    work(kernels::Bf16{});
  }
}

/// Kernels' names for element types.
template <class T>
constexpr at::ScalarType kRowType = std::is_same_v<T, float> ? at::kFloat : at::kBFloat16;

/// The elements of a tensor of that type, whose rows at least are contiguous; null if it is
/// undefined.
template <class T>
const T* data(const at::Tensor& x) {
  if (!x.defined()) return nullptr;
  POLARIS_CHECK(x.scalar_type() == kRowType<T>, "a tensor of another type");
  return static_cast<const T*>(x.const_data_ptr());
}
template <class T>
T* mutable_data(const at::Tensor& x) {
  if (!x.defined()) return nullptr;
  POLARIS_CHECK(x.scalar_type() == kRowType<T>, "a tensor of another type");
  return static_cast<T*>(x.mutable_data_ptr());
}

/// A norm of `width` elements as kernels take it.
kernels::Norm kernel_norm(const Weight& weight, const NormStyle& style, std::int64_t width);

/// work(begin, end) for parts of [0, rows), in several threads if that pays.
template <class Work>
void for_rows(std::int64_t rows, std::int64_t width, const Work& work) {
  constexpr std::int64_t kElementsPerTask = 16384;
  at::parallel_for(0, rows, std::max<std::int64_t>(1, kElementsPerTask / width), work);
}

/// Sums over rows must not depend on the number of threads: rows are summed in blocks of this many,
/// and the blocks' sums (BlockSums) added in order.
constexpr std::int64_t kRowBlock = 64;

inline std::int64_t row_blocks(std::int64_t rows) { return (rows + kRowBlock - 1) / kRowBlock; }

/// work(block, begin, end) for every block of [0, rows), like for_rows.
template <class Work>
void for_row_blocks(std::int64_t rows, std::int64_t width, const Work& work) {
  for_rows(row_blocks(rows), kRowBlock * width, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t i = first; i < last; ++i)
      work(i, i * kRowBlock, std::min((i + 1) * kRowBlock, rows));
  });
}

class BlockSums {
 public:
  /// [blocks, width] zeros, float32.
  BlockSums(std::int64_t blocks, std::int64_t width);

  float* block(std::int64_t index) const { return sums_ + index * width_; }

  /// [width]
  at::Tensor total() const;

 private:
  at::Tensor storage_;
  float* sums_;
  std::int64_t blocks_, width_;
};

/// The same values with rows that may lie apart, but have no gaps inside.
inline at::Tensor with_dense_rows(const at::Tensor& x) {
  return x.stride(1) == 1 || x.size(1) == 1 ? x : x.contiguous();
}

/// Adds an operation's share to the gradient of a weight; nothing to do if that is frozen.
void add_gradient(const Weight& weight, const at::Tensor& share);

/// Adds to the gradient of a weight of `width` elements what the rows contribute: a term of
/// nn/cuda/column_sums.h.
template <class Term>
void add_column_sums(const Weight& weight, const Term& term, std::int64_t rows, std::int64_t width,
                     const at::Tensor& where) {
  if (!weight.gradient.defined()) return;
  cuda::ColumnSums<Term> kernel = {.term = term, .rows = rows, .width = width};
  const at::Tensor partials =
      at::empty({kernel.blocks(), width}, where.options().dtype(at::kFloat));
  kernel.partials = partials.mutable_data_ptr<float>();
  run_blocks(kernel, kernel.indices(), where);
  add_gradient(weight, partials.sum(0));
}

/// A weight as composite forms take it: a leaf whose gradient the engine adds to weight.gradient.
at::Tensor leaf(const Weight& weight);

/// In the type that the definitions calculate in: float64 for float64, else float32.
at::Tensor wide(const at::Tensor& x);

}  // namespace polaris::nn
