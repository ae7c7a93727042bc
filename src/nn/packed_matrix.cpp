#include "nn/internal/packed_matrix.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <c10/core/GradMode.h>

#include <algorithm>

#include "base/error.h"
#include "nn/internal/lora.h"
#include "nn/internal/row_ops.h"

namespace polaris::nn {
namespace {

constexpr std::int64_t kElementsOfThread = 1 << 16;  // at least
constexpr std::int64_t kPanelsAtOnce = 128;          // that are float32 while they are packed

kernels::RowProductKernels kernels_for(WeightStorage storage) {
  const kernels::RowProducts products = kernels::row_products();
  switch (storage) {
    case WeightStorage::kFloat32:
      return products.f32;
    case WeightStorage::kBfloat16:
      return products.bf16;
    case WeightStorage::kInt8:
      return products.int8;
  }
  throw Error(ErrorCode::kInternal, "an unknown storage");
}

}  // namespace

at::Tensor packed_value(const Weight& weight) { return merged(weight); }

/// work(begin, end) for parts of [0, count) panels, in several threads if that pays.
template <class Work>
void PackedMatrix::for_panels(std::int64_t count, const Work& work) const {
  at::parallel_for(0, count, std::max<std::int64_t>(1, kElementsOfThread / (kernels_.panel * k_)),
                   work);
}

PackedMatrix::PackedMatrix(const Weight& weight, WeightStorage storage)
    : kernels_(kernels_for(storage)), columns_(weight.value.size(0)), k_(weight.value.size(1)) {
  const c10::NoGradGuard no_graph;
  const std::int64_t panels = (columns_ + kernels_.panel - 1) / kernels_.panel;
  const std::int64_t size = kernels_.panel_bytes(k_);
  packed_ = at::empty({panels * size}, at::kByte);
  auto* bytes = static_cast<std::byte*>(packed_.mutable_data_ptr());
  const at::Tensor value = packed_value(weight);
  for (std::int64_t first = 0; first < panels; first += kPanelsAtOnce) {
    const std::int64_t begin = first * kernels_.panel;
    const std::int64_t end = std::min(begin + kPanelsAtOnce * kernels_.panel, columns_);
    const at::Tensor rows = value.narrow(0, begin, end - begin).to(at::kFloat).contiguous();
    for_panels(std::min(kPanelsAtOnce, panels - first), [&](std::int64_t from, std::int64_t to) {
      kernels_.pack(data<float>(rows), end - begin, k_, bytes + first * size, from, to);
    });
  }
}

void PackedMatrix::multiply(float* x, float* y, std::int64_t rows) const {
  if (kernels_.prepare != nullptr) kernels_.prepare(x, rows, k_);
  const auto* packed = static_cast<const std::byte*>(packed_.const_data_ptr());
  for_panels(packed_.numel() / kernels_.panel_bytes(k_), [&](std::int64_t begin, std::int64_t end) {
    kernels_.multiply(x, rows, k_, packed, y, columns_, begin, end);
  });
}

}  // namespace polaris::nn
