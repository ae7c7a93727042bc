#include "nn/internal/gemm.h"

#include <ATen/Parallel.h>
#include <ATen/ops/addmm.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/mm.h>

#include <algorithm>

#include "base/error.h"
#include "nn/internal/cuda_modes.h"
#include "nn/internal/mkl.h"

namespace polaris::nn {
namespace {

/// One product: c = op(a) op(b), with a and b as [m, k] and [k, n] views.
struct Product {
  at::Tensor c, a, b;
  bool accumulate;

  std::int64_t m() const { return c.size(0); }
  std::int64_t n() const { return c.size(1); }
  std::int64_t k() const { return a.size(1); }

  Product rows(std::int64_t first, std::int64_t count) const {
    return {c.narrow(0, first, count), a.narrow(0, first, count), b, accumulate};
  }
  Product columns(std::int64_t first, std::int64_t count) const {
    return {c.narrow(1, first, count), a, b.narrow(1, first, count), accumulate};
  }
};

void multiply_by_aten(const Product& p) {
  at::Tensor c = p.c;
  if (p.accumulate) {
    at::addmm_out(c, c, p.a, p.b);
  } else {
    at::mm_out(c, p.a, p.b);
  }
}

/// oneDNN multiplies bfloat16 at twice the float32 rate where the processor can, and at a sixth of
/// it where it must emulate.
bool has_bf16_instructions() {
#if defined(__x86_64__)
  static const bool has = __builtin_cpu_supports("avx512bf16");
  return has;
#else
  return false;
#endif
}

// Of the CBLAS interface.
constexpr int kRowMajor = 101, kPlain = 111, kTransposed = 112;

/// bfloat16 operands, float32 result.
void multiply_bf16_to_float(const Product& p) {
  if (cblas_gemm_bf16bf16f32 == nullptr) {
    multiply_by_aten({p.c, p.a.to(at::kFloat), p.b.to(at::kFloat), p.accumulate});
    return;
  }
  const auto operand = [](const at::Tensor& x) {
    const bool plain = x.stride(1) == 1;
    return std::pair(plain ? kPlain : kTransposed,
                     static_cast<int>(std::max<std::int64_t>(x.stride(plain ? 0 : 1), 1)));
  };
  const auto [a_form, lda] = operand(p.a);
  const auto [b_form, ldb] = operand(p.b);
  cblas_gemm_bf16bf16f32(
      kRowMajor, a_form, b_form, static_cast<int>(p.m()), static_cast<int>(p.n()),
      static_cast<int>(p.k()), 1.0F, static_cast<const std::uint16_t*>(p.a.const_data_ptr()), lda,
      static_cast<const std::uint16_t*>(p.b.const_data_ptr()), ldb, p.accumulate ? 1.0F : 0.0F,
      p.c.mutable_data_ptr<float>(), static_cast<int>(p.c.stride(0)));
}

void multiply_block(const Product& p) {
  const SingleThreadedMkl single;
  if (p.a.scalar_type() != at::kBFloat16) {
    multiply_by_aten(p);
  } else if (p.c.scalar_type() == at::kFloat) {
    multiply_bf16_to_float(p);
  } else if (has_bf16_instructions()) {
    multiply_by_aten(p);
  } else {
    const at::Tensor wide = at::empty({p.m(), p.n()}, p.c.options().dtype(at::kFloat));
    multiply_bf16_to_float({wide, p.a, p.b, false});
    p.c.copy_(wide);
  }
}

/// A block has at least kMinRows, below which MKL's rate falls, and there are at most kMaxBlocks.
constexpr std::int64_t kMinRows = 192;
constexpr std::int64_t kMaxBlocks = 16;

void multiply_on_cpu(const Product& p) {
  const bool by_rows = p.m() >= p.n();
  const std::int64_t size = by_rows ? p.m() : p.n();
  const std::int64_t block = std::max(kMinRows, (size + kMaxBlocks - 1) / kMaxBlocks);
  const std::int64_t blocks = (size + block - 1) / block;
  at::parallel_for(0, blocks, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t first = i * block;
      const std::int64_t count = std::min(block, size - first);
      multiply_block(by_rows ? p.rows(first, count) : p.columns(first, count));
    }
  });
}

void multiply_on_gpu(const Product& p) {
  const ProductPrecision precision(ProductPrecision::Float32::kExact);
  at::Tensor c = p.c;
  if (c.scalar_type() == p.a.scalar_type()) {
    multiply_by_aten(p);
  } else if (p.accumulate) {
    at::addmm_out(c, c, p.a, p.b, c.scalar_type());  // no float32 product beside it
  } else {
    at::mm_out(c, p.a, p.b, c.scalar_type());
  }
}

void multiply(const Product& p) {
  const at::ScalarType type = p.a.scalar_type();
  POLARIS_CHECK(p.a.dim() == 2 && p.b.dim() == 2 && p.c.dim() == 2, "not matrices");
  POLARIS_CHECK(p.a.size(0) == p.m() && p.b.size(1) == p.n() && p.b.size(0) == p.k(),
                "sizes differ");
  POLARIS_CHECK(p.b.scalar_type() == type && (p.c.scalar_type() == type || type == at::kBFloat16),
                "types differ");
  POLARIS_CHECK(!p.accumulate || p.c.scalar_type() != at::kBFloat16,
                "bfloat16 sums would lose what is added");
  if (p.c.is_cpu()) {
    multiply_on_cpu(p);
  } else {
    multiply_on_gpu(p);
  }
}

}  // namespace

void gemm_nt(const at::Tensor& c, const at::Tensor& a, const at::Tensor& b, bool accumulate) {
  multiply({c, a, b.t(), accumulate});
}

void gemm_nn(const at::Tensor& c, const at::Tensor& a, const at::Tensor& b, bool accumulate) {
  multiply({c, a, b, accumulate});
}

void gemm_tn(const at::Tensor& c, const at::Tensor& a, const at::Tensor& b, bool accumulate) {
  multiply({c, a.t(), b, accumulate});
}

}  // namespace polaris::nn
