#include "nn/internal/gates.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>

#include "base/error.h"
#include "nn/cuda/gate_blocks.h"
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

namespace {

void silu_mul_forward(const at::Tensor& gate_up, const at::Tensor& y) {
  const std::int64_t rows = y.size(0), width = y.size(1);
  with_row_type(gate_up, [&]<class T>(T) {
    if (takes_gpu_kernels(gate_up)) {
      const cuda::SiluMul<T> kernel{data<T>(gate_up), mutable_data<T>(y), width};
      run_blocks(kernel, rows * kernel.tiles(), gate_up);
      return;
    }
    const auto forward = kernels::gate_kernels().of<T>().silu_mul;
    for_rows(rows, width, [&](std::int64_t begin, std::int64_t end) {
      forward(data<T>(gate_up), mutable_data<T>(y), width, begin, end);
    });
  });
}

void silu_mul_backward(const at::Tensor& gate_up, const at::Tensor& dy,
                       const at::Tensor& dgate_up) {
  const std::int64_t rows = dy.size(0), width = dy.size(1);
  with_row_type(gate_up, [&]<class T>(T) {
    if (takes_gpu_kernels(gate_up)) {
      const cuda::SiluMulBackward<T> kernel{data<T>(gate_up), data<T>(dy),
                                            mutable_data<T>(dgate_up), width};
      run_blocks(kernel, rows * kernel.tiles(), gate_up);
      return;
    }
    const auto backward = kernels::gate_kernels().of<T>().silu_mul_backward;
    for_rows(rows, width, [&](std::int64_t begin, std::int64_t end) {
      backward(data<T>(gate_up), data<T>(dy), mutable_data<T>(dgate_up), width, begin, end);
    });
  });
}

/// work(O{}, T{}) with the types of o and gate: o is float32, or of the gate's type where the
/// kernels are those for a GPU.
template <class Work>
void with_gate_types(const at::Tensor& o, const at::Tensor& gate, const Work& work) {
  with_row_type(gate, [&]<class T>(T) {
    if (o.scalar_type() == at::kFloat) {
      work(float{}, T{});
    } else {
      work(T{}, T{});
    }
  });
}

void sigmoid_mul_forward(const at::Tensor& o, const at::Tensor& gate, const at::Tensor& y) {
  if (takes_gpu_kernels(gate)) {
    with_gate_types(o, gate, [&]<class O, class T>(O, T) {
      const cuda::SigmoidMul<O, T> kernel{data<O>(o), data<T>(gate), mutable_data<T>(y), y.numel()};
      run_blocks(kernel, kernel.tiles(), gate);
    });
    return;
  }
  with_row_type(gate, [&]<class T>(T) {
    const auto forward = kernels::gate_kernels().of<T>().sigmoid_mul;
    for_rows(y.numel(), 1, [&](std::int64_t begin, std::int64_t end) {
      forward(data<float>(o), data<T>(gate), mutable_data<T>(y), begin, end);
    });
  });
}

void sigmoid_mul_backward(const at::Tensor& o, const at::Tensor& gate, const at::Tensor& dy,
                          const at::Tensor& d_o, const at::Tensor& dgate) {
  if (takes_gpu_kernels(gate)) {
    with_gate_types(o, gate, [&]<class O, class T>(O, T) {
      const cuda::SigmoidMulBackward<O, T> kernel{.o = data<O>(o),
                                                  .gate = data<T>(gate),
                                                  .dy = data<T>(dy),
                                                  .d_o = mutable_data<O>(d_o),
                                                  .dgate = mutable_data<T>(dgate),
                                                  .count = dy.numel()};
      run_blocks(kernel, kernel.tiles(), gate);
    });
    return;
  }
  with_row_type(gate, [&]<class T>(T) {
    const auto backward = kernels::gate_kernels().of<T>().sigmoid_mul_backward;
    for_rows(dy.numel(), 1, [&](std::int64_t begin, std::int64_t end) {
      backward(data<float>(o), data<T>(gate), data<T>(dy), mutable_data<float>(d_o),
               mutable_data<T>(dgate), begin, end);
    });
  });
}

}  // namespace

at::Tensor silu_mul(const at::Tensor& input) {
  POLARIS_CHECK(input.size(1) % 2 == 0, "{} columns", input.size(1));
  if (!has_fused_form(input)) return composite::silu_mul(input);
  const at::Tensor gate_up = input.detach().contiguous();
  const at::Tensor y = at::empty({gate_up.size(0), gate_up.size(1) / 2}, gate_up.options());
  silu_mul_forward(gate_up, y);
  return record({input}, {y}, [=](const Tensors& upstream) -> Tensors {
    const at::Tensor dgate_up = at::empty_like(gate_up);
    silu_mul_backward(gate_up, upstream[0], dgate_up);
    return {dgate_up};
  })[0];
}

at::Tensor gate_attention(const at::Tensor& attended, const at::Tensor& gate_input,
                          at::ScalarType type) {
  if (!gate_input.defined() || !has_fused_form(gate_input))
    return composite::gate_attention(attended, gate_input, type);
  POLARIS_CHECK(gate_input.scalar_type() == type && gate_input.sizes() == attended.sizes(),
                "a gate of another type or shape");
  const at::Tensor o = attended.detach().contiguous(), gate = gate_input.detach().contiguous();
  const at::Tensor y = at::empty({gate.size(0), gate.size(1) * gate.size(2)}, gate.options());
  sigmoid_mul_forward(o, gate, y);
  return record({attended, gate_input}, {y}, [=](const Tensors& upstream) -> Tensors {
    const at::Tensor d_o = at::empty_like(o), dgate = at::empty_like(gate);
    sigmoid_mul_backward(o, gate, upstream[0], d_o, dgate);
    return {d_o, dgate};
  })[0];
}

}  // namespace polaris::nn
