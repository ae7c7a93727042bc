#include "nn/internal/row_ops.h"

#include <ATen/ops/zeros.h>

namespace polaris::nn {

kernels::Norm kernel_norm(const Weight& weight, const NormStyle& style, std::int64_t width) {
  POLARIS_CHECK(weight.value.numel() == width && weight.value.is_contiguous(),
                "a norm's weight of {} elements for rows of {}", weight.value.numel(), width);
  return {.weight = data<float>(weight.value),
          .width = width,
          .eps = static_cast<float>(style.eps),
          .zero_centred = style.zero_centred};
}

BlockSums::BlockSums(std::int64_t blocks, std::int64_t width)
    : storage_(at::zeros({blocks, width}, at::kFloat)),
      sums_(mutable_data<float>(storage_)),
      blocks_(blocks),
      width_(width) {}

at::Tensor BlockSums::total() const {
  for (std::int64_t i = 1; i < blocks_; ++i) {
    const float* sums = block(i);
    for (std::int64_t j = 0; j < width_; ++j) sums_[j] += sums[j];
  }
  return storage_[0];
}

void add_gradient(const Weight& weight, const at::Tensor& share) {
  if (weight.gradient.defined()) weight.gradient.add_(share.reshape(weight.gradient.sizes()));
}

at::Tensor leaf(const Weight& weight) {
  at::Tensor leaf = weight.value.detach();
  if (!weight.gradient.defined()) return leaf;
  leaf.requires_grad_();
  leaf.mutable_grad() = weight.gradient;
  return leaf;
}

at::Tensor wide(const at::Tensor& x) {
  return x.to(x.scalar_type() == at::kDouble ? at::kDouble : at::kFloat);
}

}  // namespace polaris::nn
