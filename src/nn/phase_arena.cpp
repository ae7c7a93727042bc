#include "nn/internal/phase_arena.h"

#include <ATen/ops/empty.h>
#include <c10/core/ScalarType.h>
#include <c10/util/accumulate.h>

#include "base/error.h"

namespace polaris::nn {
namespace {

constexpr std::int64_t kAlignment = 64;  // bytes

std::int64_t exact_bytes(at::IntArrayRef shape, at::ScalarType type) {
  return c10::multiply_integers(shape) * static_cast<std::int64_t>(c10::elementSize(type));
}

}  // namespace

PhaseArena::PhaseArena(std::int64_t bytes, at::Device device)
    : bytes_(at::empty({bytes}, at::TensorOptions().device(device).dtype(at::kByte))) {}

PhaseArena::PhaseArena(const at::Tensor& storage) : bytes_(storage.view(-1).view(at::kByte)) {}

std::int64_t PhaseArena::bytes_for(at::IntArrayRef shape, at::ScalarType type) {
  return (exact_bytes(shape, type) + kAlignment - 1) / kAlignment * kAlignment;
}

at::Tensor PhaseArena::take(at::IntArrayRef shape, at::ScalarType type) {
  const std::int64_t needed = bytes_for(shape, type);
  if (needed > bytes_.numel() - used_)
    throw Error(ErrorCode::kOutOfMemory,
                fmt::format("{} bytes are needed where {} of {} are left; lower rollout.slots or "
                            "data.max_response_tokens",
                            needed, bytes_.numel() - used_, bytes_.numel()));
  const at::Tensor piece = bytes_.narrow(0, used_, exact_bytes(shape, type));
  used_ += needed;
  return piece.view(type).view(shape);
}

}  // namespace polaris::nn
