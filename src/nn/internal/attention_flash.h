#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>

#include "nn/internal/packed.h"

namespace polaris::nn {

/// Whether flash_attention() serves these queries: bfloat16 on a GPU, heads of a multiple of 8 up
/// to 192, or of 256, which is what libtorch's kernels train with on every GPU that ours are built
/// for. Sequences of one token each it lays out differently for the backward: not those either.
bool has_flash_attention(const at::Tensor& q, const PackedSequences& sequences);

/// packed_attention() (nn/internal/attention.h) by libtorch's FlashAttention: no matrix of scores
/// exists, grouped heads are read where they are. The gradient is the same bits each time, at the
/// price of float32 memory of the size of q for each part that its sum is made in.
at::Tensor flash_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                           const PackedSequences& sequences, std::optional<std::int64_t> window,
                           double scale);

}  // namespace polaris::nn
