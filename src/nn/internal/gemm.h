#pragma once

#include <ATen/core/Tensor.h>

namespace polaris::nn {

/// Matrix products into a given result; `accumulate` adds to it instead of overwriting.
///
///   gemm_nt   c [m, n] = a [m, k]  b [n, k]^T     a projection: y = x W^T
///   gemm_nn   c [m, n] = a [m, k]  b [k, n]       its input's gradient: dx = dy W
///   gemm_tn   c [m, n] = a [k, m]^T b [k, n]      its weight's gradient: dW = dy^T x
///
/// a and b are both float32, bfloat16 or float64; c is of the same type, or float32 for bfloat16
/// operands: then no product is rounded to bfloat16 on the way. Sums are at least float32.
/// Rows of all three may be longer than their width (views of a wider matrix).
///
/// On the CPU the result does not depend on the number of threads, bit for bit: c is cut into
/// blocks of rows or columns that depend on its shape only, and one thread makes a block. (MKL
/// itself splits long sums over threads.) On a GPU float32 operands are not rounded to TF32, and
/// nothing is made beside c.
void gemm_nt(const at::Tensor& c, const at::Tensor& a, const at::Tensor& b,
             bool accumulate = false);
void gemm_nn(const at::Tensor& c, const at::Tensor& a, const at::Tensor& b,
             bool accumulate = false);
void gemm_tn(const at::Tensor& c, const at::Tensor& a, const at::Tensor& b,
             bool accumulate = false);

}  // namespace polaris::nn
