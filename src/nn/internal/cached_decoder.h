#pragma once

#include <ATen/core/Tensor.h>

#include <span>
#include <vector>

#include "base/token_id.h"
#include "nn/internal/decoder.h"
#include "nn/internal/decoder_cache.h"

namespace polaris::nn {

/// The next tokens of the sequence in one slot.
struct CachePiece {
  std::int64_t slot = 0;
  std::span<const TokenId> tokens;  ///< at least one
};

/// Appends the pieces to the sequences in the cache: a prompt in one or several pieces, then single
/// tokens. No gradients.
///
/// A row's result does not depend on what else is in the call, bit for bit on the CPU, if every
/// piece is one token: products are made on rows padded to a multiple of 8, whose bits do not
/// depend on how many there are (specs/performance.md H), everything else row by row.
///
/// @param pieces  different slots
/// @return        [pieces, hidden], behind the final norm, at each piece's last token
/// @throws Error{kInternal} if a slot's sequence would grow beyond the cache
at::Tensor extend(const Decoder& decoder, DecoderCache& cache, std::span<const CachePiece> pieces);

/// @param hidden  [n, hidden] as extend() returns
/// @return        [n, vocab] float32 (float64 where all is)
at::Tensor logits(const Decoder& decoder, const at::Tensor& hidden);

}  // namespace polaris::nn
