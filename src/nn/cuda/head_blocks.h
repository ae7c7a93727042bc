/// The head's kernels for a GPU (blocks.h). Formulas: specs/performance.md B.1.
#pragma once

#include <cmath>

#include "nn/cuda/blocks.h"
#include "nn/kernels/simd.h"

namespace polaris::cuda {

/// Scores of one row of logits at a temperature, in one pass. An index is a row.
struct LogitScores {
  static constexpr int kLanes = 256;
  static constexpr const char* kName = "logit_scores";

  const float* logits;  ///< [rows, width]
  std::int64_t width;
  const std::int64_t* targets;  ///< [rows]
  float inverse_temperature;
  float *logprobs, *entropies, *logsumexps;  ///< [rows], of z / temperature
  std::int64_t* top_ids;                     ///< [rows] the first of the largest, or null
  float* max_logits;                         ///< [rows], or null

  template <class Block>
  POLARIS_DEVICE void operator()(const Block& block, std::int64_t row) const {
    const float* z = logits + row * width;
    float* sums = block.template shared<float, 3 * kLanes>();
    std::int64_t* ids = block.template shared<std::int64_t, kLanes>();
    block.each([&](int lane) {
      Running own;
      for (std::int64_t i = lane; i < width; i += kLanes) own.add(z[i], i, inverse_temperature);
      sums[lane] = own.max;
      sums[kLanes + lane] = own.sum;
      sums[2 * kLanes + lane] = own.weighted;
      ids[lane] = own.id;
    });
    const float max = block.max([&](int lane) { return sums[lane]; });
    // How far a lane's own largest is below the row's; lanes beyond a narrow row have none.
    const auto below = [&](int lane) {
      return sums[kLanes + lane] == 0 ? 0.0F : (sums[lane] - max) * inverse_temperature;
    };
    const float sum =
        block.sum([&](int lane) { return sums[kLanes + lane] * kernels::exp(below(lane)); });
    const float weighted = block.sum([&](int lane) {
      const float shift = below(lane);
      return kernels::exp(shift) * (sums[2 * kLanes + lane] + shift * sums[kLanes + lane]);
    });
    const std::int64_t first =
        -block.max([&](int lane) { return sums[lane] == max ? -ids[lane] : INT64_MIN + 1; });
    block.each([&](int lane) {
      if (lane != 0) return;
      const float log_sum = logf(sum);
      logprobs[row] = (z[targets[row]] - max) * inverse_temperature - log_sum;
      entropies[row] = log_sum - weighted / sum;
      logsumexps[row] = max * inverse_temperature + log_sum;
      if (top_ids != nullptr) top_ids[row] = first < width ? first : 0;
      if (max_logits != nullptr) max_logits[row] = max;
    });
  }

 private:
  /// Over the logits so far: the largest and where it is, the sum of e^x and that of x e^x with
  /// x = (z - max) / temperature.
  struct Running {
    float max = -INFINITY, sum = 0, weighted = 0;
    std::int64_t id = INT64_MAX;

    POLARIS_DEVICE void add(float z, std::int64_t i, float inverse_temperature) {
      if (!(z <= max)) {  // also a NaN, which then stays
        const float shift = sum == 0 ? 0.0F : limited((max - z) * inverse_temperature);
        const float factor = kernels::exp(shift);
        weighted = factor * (weighted + shift * sum);
        sum *= factor;
        max = z;
        id = i;
      }
      const float x = limited((z - max) * inverse_temperature);
      const float e = kernels::exp(x);
      sum += e;
      weighted += x * e;
    }

    /// Below -87 a term is as good as nothing, but not its product with a huge exponent.
    POLARIS_DEVICE static float limited(float x) { return kernels::clamp(x, -87.0F, 0.0F); }
  };
};

/// dz = slope (1[j = target] - e^(z / temperature - logsumexp)). An index is a tile of a row.
template <class T>
struct LogitGradient {
  static constexpr int kLanes = 256;
  static constexpr const char* kName = "logit_gradient";
  static constexpr std::int64_t kTile = 16 * kLanes;

  const float* logits;
  std::int64_t width;
  const std::int64_t* targets;
  float inverse_temperature;
  const float* logsumexps;
  const float* slopes;  ///< [rows] d loss / d z of the target, were its probability 0
  T* dz;                ///< [rows, width]

  std::int64_t tiles() const { return (width + kTile - 1) / kTile; }

  template <class Block>
  POLARIS_DEVICE void operator()(const Block& block, std::int64_t index) const {
    const std::int64_t count = (width + kTile - 1) / kTile, row = index / count;
    const float slope = slopes[row], logsumexp = logsumexps[row];
    const std::int64_t target = targets[row];
    block.each([&](int lane) {
      for (std::int64_t i = index % count * kTile + lane, k = 0; k < kTile / kLanes && i < width;
           ++k, i += kLanes) {
        const float p = kernels::exp(logits[row * width + i] * inverse_temperature - logsumexp);
        kernels::store(dz[row * width + i], slope * ((i == target ? 1.0F : 0.0F) - p));
      }
    });
  }
};

}  // namespace polaris::cuda
