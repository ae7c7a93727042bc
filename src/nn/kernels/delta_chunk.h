/// The chunked gated delta rule (specs/performance.md A.2, A.3) on the CPU, in float32: one
/// sequence and one key head with the value heads that read it, from the first token to the last.
#pragma once

#include <cstdint>

#include "nn/kernels/isa.h"
#include "nn/kernels/simd.h"

namespace polaris::kernels {

/// Matrices in scratch memory and saved ones are padded with zeros to multiples of this.
inline constexpr std::int64_t kDeltaBlock = 16;
inline constexpr std::int64_t kMaxDeltaChunk = 128;

struct DeltaSizes {
  std::int64_t key_heads;
  std::int64_t value_heads;   ///< a multiple of key_heads
  std::int64_t key_size;      ///< K
  std::int64_t value_size;    ///< V
  std::int64_t chunk_length;  ///< C, a multiple of kDeltaBlock, at most kMaxDeltaChunk
};

/// Value heads of a key head; value head h reads key head h / delta_group().
POLARIS_INLINE std::int64_t delta_group(const DeltaSizes& n) { return n.value_heads / n.key_heads; }
POLARIS_INLINE std::int64_t delta_padded(std::int64_t size) {
  return (size + kDeltaBlock - 1) / kDeltaBlock * kDeltaBlock;
}

/// Pointers to the sequence's first token and to the key head, or the first of its value heads.
/// Tokens are whole rows apart: key_heads * K, value_heads * V and value_heads elements.
struct DeltaSequence {
  std::int64_t tokens;
  float scale;
  const float* q;
  const float* k;
  const float* v;
  const float* g;
  const float* beta;
};

/// What the backward needs of every chunk. Pointers to the first chunk of the sequence and the
/// first value head of the group; all null: nothing is kept.
struct DeltaSaved {
  float* inverse = nullptr;  ///< [chunks, value_heads, C, C]  A; anything above the diagonal blocks
  float* written = nullptr;  ///< [chunks, value_heads, C, padded V]  U
  float* states = nullptr;   ///< [chunks, value_heads, padded K, padded V]  H as the chunk finds it
};

struct DeltaForward {
  DeltaSequence in;
  const float* h0;     ///< [group, K, V]; null: zero
  float* o;            ///< as v
  float* final_state;  ///< [group, K, V]
  DeltaSaved saved;
  float* scratch;  ///< DeltaForwardKernel::scratch floats, aligned to 64 bytes
};

struct DeltaBackward {
  DeltaSequence in;
  DeltaSaved saved;
  const float* d_o;            ///< as v
  const float* d_final_state;  ///< [group, K, V]; null: zero
  float* dq;
  float* dk;
  float* dv;
  float* dg;
  float* dbeta;  ///< 0 where beta is exactly 0: it is found by a division
  float* dh0;    ///< [group, K, V]; null: not wanted
  float* scratch;
};

struct DeltaForwardKernel {
  std::int64_t (*scratch)(const DeltaSizes&);  ///< floats
  void (*run)(const DeltaSizes&, const DeltaForward&);
};
struct DeltaBackwardKernel {
  std::int64_t (*scratch)(const DeltaSizes&);  ///< floats
  void (*run)(const DeltaSizes&, const DeltaBackward&);
};
POLARIS_DECLARE_KERNELS(DeltaForwardKernel, delta_forward_kernel)
POLARIS_DECLARE_KERNELS(DeltaBackwardKernel, delta_backward_kernel)

}  // namespace polaris::kernels
