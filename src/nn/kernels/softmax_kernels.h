#pragma once

#include <cstdint>

#include "nn/kernels/isa.h"
#include "nn/kernels/simd.h"

namespace polaris::kernels {

/// What the head wants to know of one row of logits z, at temperature T:
/// logprob = z_target / T - log sum e^(z / T), entropy = -sum p log p.
struct LogitRow {
  float logprob;  ///< nats
  float entropy;  ///< nats
  float sum;      ///< of e^((z - max) / T)
  float max;      ///< the largest logit
};

/// A tile of attention scores [queries * group, keys], rows `stride` apart: row t * group + h
/// belongs to query t and head h of a group of heads that share keys. Query t sees the columns
/// [begin(t), end(t)).
struct AttentionTile {
  std::int64_t queries, group, keys;
  std::int64_t stride;     ///< >= keys, a multiple of kTileWidth; what is between is undefined
  std::int64_t first_end;  ///< end(t) = first_end + t
  std::int64_t window;     ///< begin(t) = max(0, end(t) - window)
  float scale;             ///< scores are multiplied by it; positive
};

/// Floats of the widest vector.
constexpr std::int64_t kTileWidth = 16;

struct SoftmaxKernels {
  /// Replaces logits [width] by e^((z - max) / T).
  /// @param top_id  null, or set to the first of the largest logits
  LogitRow (*logit_row)(float* logits, std::int64_t width, std::int64_t target,
                        float inverse_temperature, std::int64_t* top_id);

  /// From the row that logit_row() left: dz_j = scale (1[j = target] - p_j). `dz` may be the row.
  void (*logit_gradient)(const float* row, float* dz, std::int64_t width, std::int64_t target,
                         float sum, float scale);
  void (*logit_gradient_bf16)(const float* row, Bf16* dz, std::int64_t width, std::int64_t target,
                              float sum, float scale);

  /// Replaces scores by e^(scale (s - max)), 0 where a query does not see.
  /// @param inverse_sums  [rows] 1 / sum of those
  /// @param logsumexps    [rows] log sum e^(scale s)
  void (*attention_tile)(const AttentionTile& tile, float* scores, float* inverse_sums,
                         float* logsumexps);

  /// Replaces scores by probabilities p, and their upstream gradients dp by those of the scores,
  /// scale p (dp - sum p dp); both 0 where a query does not see.
  void (*attention_tile_backward)(const AttentionTile& tile, float* scores, float* dp,
                                  const float* logsumexps);

  /// x [rows, width]: row i times factors[i]
  void (*scale_rows)(float* x, std::int64_t rows, std::int64_t width, const float* factors);
};

POLARIS_DECLARE_KERNELS(SoftmaxKernels, softmax_kernels)

}  // namespace polaris::kernels
