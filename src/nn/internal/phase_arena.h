#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace polaris::nn {

/// Memory of one phase of a step (sampling, training), handed out front to back and taken back all
/// at once, so that phases cannot fragment each other. The bytes may be lent by another arena that
/// is idle meanwhile (specs/performance.md D.5).
class PhaseArena {
 public:
  PhaseArena(std::int64_t bytes, at::Device device);

  /// @param storage  contiguous; its bytes are used until the arena goes, its content is lost
  explicit PhaseArena(const at::Tensor& storage);

  /// A tensor of undefined content that starts at a multiple of 64 bytes.
  /// @throws Error{kOutOfMemory} if the rest is too small
  at::Tensor take(at::IntArrayRef shape, at::ScalarType type);

  /// Everything taken is free again; tensors still held would share bytes with new ones.
  void clear() { used_ = 0; }

  std::int64_t used() const { return used_; }

  /// What take() uses up for such a tensor, alignment included.
  static std::int64_t bytes_for(at::IntArrayRef shape, at::ScalarType type);

 private:
  at::Tensor bytes_;  // [n] uint8
  std::int64_t used_ = 0;
};

}  // namespace polaris::nn
