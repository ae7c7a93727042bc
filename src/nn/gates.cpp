#include "nn/internal/gates.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>

#include "base/error.h"
#include "nn/internal/fused.h"
#include "nn/internal/row_ops.h"
#include "nn/kernels/gate_kernels.h"

namespace polaris::nn {
namespace composite {

at::Tensor silu_mul(const at::Tensor& gate_up) {
  const std::int64_t width = gate_up.size(1) / 2;
  const at::Tensor gate = wide(gate_up.narrow(1, 0, width));
  const at::Tensor up = wide(gate_up.narrow(1, width, width));
  return (gate * gate.sigmoid() * up).to(gate_up.scalar_type());
}

at::Tensor gate_attention(const at::Tensor& o, const at::Tensor& gate, at::ScalarType type) {
  return (gate.defined() ? o * wide(gate).sigmoid() : o).to(type).flatten(1);
}

}  // namespace composite

at::Tensor silu_mul(const at::Tensor& input) {
  POLARIS_CHECK(input.size(1) % 2 == 0, "{} columns", input.size(1));
  if (!has_row_kernels(input)) return composite::silu_mul(input);
  const at::Tensor gate_up = input.detach().contiguous();
  const std::int64_t rows = gate_up.size(0), width = gate_up.size(1) / 2;
  const at::Tensor y = at::empty({rows, width}, gate_up.options());
  with_row_type(gate_up, [&]<class T>(T) {
    const auto forward = kernels::gate_kernels().of<T>().silu_mul;
    for_rows(rows, width, [&](std::int64_t begin, std::int64_t end) {
      forward(data<T>(gate_up), mutable_data<T>(y), width, begin, end);
    });
  });
  return record({input}, {y}, [=](const Tensors& upstream) -> Tensors {
    const at::Tensor& dy = upstream[0];
    const at::Tensor dgate_up = at::empty_like(gate_up);
    with_row_type(gate_up, [&]<class T>(T) {
      const auto backward = kernels::gate_kernels().of<T>().silu_mul_backward;
      for_rows(rows, width, [&](std::int64_t begin, std::int64_t end) {
        backward(data<T>(gate_up), data<T>(dy), mutable_data<T>(dgate_up), width, begin, end);
      });
    });
    return {dgate_up};
  })[0];
}

at::Tensor gate_attention(const at::Tensor& attended, const at::Tensor& gate_input,
                          at::ScalarType type) {
  if (!gate_input.defined() || !has_row_kernels(gate_input))
    return composite::gate_attention(attended, gate_input, type);
  POLARIS_CHECK(gate_input.scalar_type() == type && gate_input.sizes() == attended.sizes(),
                "a gate of another type or shape");
  const at::Tensor o = attended.detach().contiguous(), gate = gate_input.detach().contiguous();
  const at::Tensor y = at::empty({gate.size(0), gate.size(1) * gate.size(2)}, gate.options());
  with_row_type(gate, [&]<class T>(T) {
    const auto forward = kernels::gate_kernels().of<T>().sigmoid_mul;
    for_rows(y.numel(), 1, [&](std::int64_t begin, std::int64_t end) {
      forward(data<float>(o), data<T>(gate), mutable_data<T>(y), begin, end);
    });
  });
  return record({attended, gate_input}, {y}, [=](const Tensors& upstream) -> Tensors {
    const at::Tensor& dy = upstream[0];
    const at::Tensor d_o = at::empty_like(o), dgate = at::empty_like(gate);
    with_row_type(gate, [&]<class T>(T) {
      const auto backward = kernels::gate_kernels().of<T>().sigmoid_mul_backward;
      for_rows(dy.numel(), 1, [&](std::int64_t begin, std::int64_t end) {
        backward(data<float>(o), data<T>(gate), data<T>(dy), mutable_data<float>(d_o),
                 mutable_data<T>(dgate), begin, end);
      });
    });
    return {d_o, dgate};
  })[0];
}

}  // namespace polaris::nn
