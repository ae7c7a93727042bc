#include "nn/internal/norm.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>

#include "base/error.h"
#include "nn/cuda/norm_blocks.h"
#include "nn/internal/fused.h"
#include "nn/internal/row_ops.h"
#include "nn/kernels/norm_kernels.h"

namespace polaris::nn {
namespace composite {
namespace {

/// x / sqrt(mean(x^2) + eps) over the last dimension.
at::Tensor normalised(const at::Tensor& x, double eps) {
  return x * (x.square().mean(-1, /*keepdim=*/true) + eps).rsqrt();
}

}  // namespace

at::Tensor rms_norm(const at::Tensor& x, const Weight& weight, const NormStyle& style) {
  const at::Tensor x_hat = normalised(wide(x), style.eps);
  const at::Tensor w = leaf(weight);
  if (style.zero_centred) return (x_hat * (w + 1)).to(x.scalar_type());
  return (x_hat.to(x.scalar_type()) * w).to(x.scalar_type());
}

NormedSum add_rms_norm(const at::Tensor& x, const at::Tensor& delta, const Weight& weight,
                       const NormStyle& style) {
  const at::Tensor sum = x + delta;
  return {sum, composite::rms_norm(sum, weight, style)};
}

at::Tensor gated_rms_norm(const at::Tensor& o, const at::Tensor& z, const Weight& weight,
                          double eps) {
  const at::Tensor o_hat = normalised(o, eps).to(z.scalar_type());
  const at::Tensor gate = wide(z);
  return (o_hat * leaf(weight) * (gate * gate.sigmoid())).to(z.scalar_type()).flatten(1);
}

}  // namespace composite

namespace {

/// y = norm of x or, with a delta, of sum = x + delta; on a GPU.
void gpu_norm_forward(const at::Tensor& x, const at::Tensor& delta, const Weight& weight,
                      const NormStyle& style, const at::Tensor& sum, const at::Tensor& y) {
  with_row_type(x, [&]<class T>(T) {
    run_blocks(cuda::NormForward<T>{.norm = kernel_norm(weight, style, x.size(1)),
                                    .x = data<T>(x),
                                    .delta = data<T>(delta),
                                    .sum = mutable_data<T>(sum),
                                    .y = mutable_data<T>(y)},
               x.size(0), x);
  });
}

at::Tensor gpu_norm_backward(const at::Tensor& x, const Weight& weight, const NormStyle& style,
                             const at::Tensor& dy, const at::Tensor& dsum) {
  at::Tensor dx = at::empty_like(x);
  const at::Tensor inverse = at::empty({x.size(0)}, x.options().dtype(at::kFloat));
  with_row_type(x, [&]<class T>(T) {
    const kernels::Norm norm = kernel_norm(weight, style, x.size(1));
    run_blocks(cuda::NormBackward<T>{.norm = norm,
                                     .x = data<T>(x),
                                     .dy = data<T>(dy),
                                     .dsum = data<T>(dsum),
                                     .dx = mutable_data<T>(dx),
                                     .inverse = mutable_data<float>(inverse)},
               x.size(0), x);
    const cuda::NormWeightTerm<T> term{norm, data<T>(x), data<T>(dy), data<float>(inverse)};
    add_column_sums(weight, term, x.size(0), x.size(1), x);
  });
  return dx;
}

/// Backward of the norm of `x` with respect to x, plus `dsum` if that is defined.
at::Tensor norm_backward(const at::Tensor& x, const Weight& weight, const NormStyle& style,
                         const at::Tensor& dy, const at::Tensor& dsum) {
  if (takes_gpu_kernels(x)) return gpu_norm_backward(x, weight, style, dy, dsum);
  at::Tensor dx = at::empty_like(x);
  const std::int64_t rows = x.size(0), width = x.size(1);
  const BlockSums dweight(row_blocks(rows), width);
  with_row_type(x, [&]<class T>(T) {
    const auto backward = kernels::norm_kernels().of<T>().backward;
    const kernels::Norm norm = kernel_norm(weight, style, width);
    for_row_blocks(rows, width, [&](std::int64_t block, std::int64_t begin, std::int64_t end) {
      backward(norm, data<T>(x), data<T>(dy), data<T>(dsum), mutable_data<T>(dx),
               dweight.block(block), begin, end);
    });
  });
  add_gradient(weight, dweight.total());
  return dx;
}

}  // namespace

at::Tensor rms_norm(const at::Tensor& input, const Weight& weight, const NormStyle& style) {
  if (!has_fused_form(input)) return composite::rms_norm(input, weight, style);
  const at::Tensor x = input.detach().contiguous();
  const at::Tensor y = at::empty_like(x);
  if (takes_gpu_kernels(x)) {
    gpu_norm_forward(x, {}, weight, style, {}, y);
  } else {
    with_row_type(x, [&]<class T>(T) {
      const auto forward = kernels::norm_kernels().of<T>().forward;
      const kernels::Norm norm = kernel_norm(weight, style, x.size(1));
      for_rows(x.size(0), x.size(1), [&](std::int64_t begin, std::int64_t end) {
        forward(norm, data<T>(x), mutable_data<T>(y), begin, end);
      });
    });
  }
  return record({input}, {y}, [=](const Tensors& dy) -> Tensors {
    return {norm_backward(x, weight, style, dy[0], {})};
  })[0];
}

NormedSum add_rms_norm(const at::Tensor& left, const at::Tensor& right, const Weight& weight,
                       const NormStyle& style) {
  POLARIS_CHECK(left.sizes() == right.sizes(), "a residual of another shape");
  if (!has_fused_form(left)) return composite::add_rms_norm(left, right, weight, style);
  const at::Tensor x = left.detach().contiguous(), delta = right.detach().contiguous();
  const at::Tensor sum = at::empty_like(x), y = at::empty_like(x);
  if (takes_gpu_kernels(x)) {
    gpu_norm_forward(x, delta, weight, style, sum, y);
  } else {
    with_row_type(x, [&]<class T>(T) {
      const auto forward = kernels::norm_kernels().of<T>().add_forward;
      const kernels::Norm norm = kernel_norm(weight, style, x.size(1));
      for_rows(x.size(0), x.size(1), [&](std::int64_t begin, std::int64_t end) {
        forward(norm, data<T>(x), data<T>(delta), mutable_data<T>(sum), mutable_data<T>(y), begin,
                end);
      });
    });
  }
  const Tensors results =
      record({left, right}, {sum, y}, [=, held = sum.detach()](const Tensors& upstream) -> Tensors {
        const at::Tensor dx = norm_backward(held, weight, style, upstream[1], upstream[0]);
        return {dx, dx};
      });
  return {results[0], results[1]};
}

namespace {

/// The gated norm's values without autograd; a row is a head.
void gated_forward(const at::Tensor& o, const at::Tensor& z, const Weight& weight,
                   const NormStyle& style, const at::Tensor& y) {
  const std::int64_t rows = z.size(0) * z.size(1), width = z.size(2);
  with_row_type(z, [&]<class T>(T) {
    const kernels::Norm norm = kernel_norm(weight, style, width);
    if (takes_gpu_kernels(z)) {
      run_blocks(cuda::GatedNormForward<T>{norm, data<float>(o), data<T>(z), mutable_data<T>(y)},
                 rows, z);
      return;
    }
    const auto forward = kernels::norm_kernels().of<T>().gated_forward;
    for_rows(rows, width, [&](std::int64_t begin, std::int64_t end) {
      forward(norm, data<float>(o), data<T>(z), mutable_data<T>(y), begin, end);
    });
  });
}

void gpu_gated_backward(const at::Tensor& o, const at::Tensor& z, const Weight& weight,
                        const NormStyle& style, const at::Tensor& dy, const at::Tensor& d_o,
                        const at::Tensor& dz) {
  const std::int64_t rows = z.size(0) * z.size(1), width = z.size(2);
  const at::Tensor inverse = at::empty({rows}, o.options());
  with_row_type(z, [&]<class T>(T) {
    run_blocks(cuda::GatedNormBackward<T>{.norm = kernel_norm(weight, style, width),
                                          .o = data<float>(o),
                                          .z = data<T>(z),
                                          .dy = data<T>(dy),
                                          .d_o = mutable_data<float>(d_o),
                                          .dz = mutable_data<T>(dz),
                                          .inverse = mutable_data<float>(inverse)},
               rows, z);
    const cuda::GatedNormWeightTerm<T> term{width, data<float>(o), data<T>(z), data<T>(dy),
                                            data<float>(inverse)};
    add_column_sums(weight, term, rows, width, z);
  });
}

void gated_backward(const at::Tensor& o, const at::Tensor& z, const Weight& weight,
                    const NormStyle& style, const at::Tensor& dy, const at::Tensor& d_o,
                    const at::Tensor& dz) {
  if (takes_gpu_kernels(z)) return gpu_gated_backward(o, z, weight, style, dy, d_o, dz);
  const std::int64_t rows = z.size(0) * z.size(1), width = z.size(2);
  const BlockSums dweight(row_blocks(rows), width);
  const at::Tensor scratch = at::empty({row_blocks(rows), width}, at::kFloat);
  with_row_type(z, [&]<class T>(T) {
    const auto backward = kernels::norm_kernels().of<T>().gated_backward;
    const kernels::Norm norm = kernel_norm(weight, style, width);
    for_row_blocks(rows, width, [&](std::int64_t block, std::int64_t begin, std::int64_t end) {
      backward(norm, data<float>(o), data<T>(z), data<T>(dy), mutable_data<float>(d_o),
               mutable_data<T>(dz), dweight.block(block),
               mutable_data<float>(scratch) + block * width, begin, end);
    });
  });
  add_gradient(weight, dweight.total());
}

}  // namespace

at::Tensor gated_rms_norm(const at::Tensor& attended, const at::Tensor& gate, const Weight& weight,
                          double eps) {
  POLARIS_CHECK(attended.sizes() == gate.sizes(), "a gate of another shape");
  if (!has_fused_form(gate)) return composite::gated_rms_norm(attended, gate, weight, eps);
  const at::Tensor o = attended.detach().contiguous(), z = gate.detach().contiguous();
  const at::Tensor y = at::empty({z.size(0), z.size(1) * z.size(2)}, z.options());
  const NormStyle style{.eps = eps};
  gated_forward(o, z, weight, style, y);
  return record({attended, gate}, {y}, [=](const Tensors& upstream) -> Tensors {
    const at::Tensor d_o = at::empty_like(o), dz = at::empty_like(z);
    gated_backward(o, z, weight, style, upstream[0], d_o, dz);
    return {d_o, dz};
  })[0];
}

}  // namespace polaris::nn
