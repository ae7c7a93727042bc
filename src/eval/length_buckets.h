#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace polaris {

// Stories by the length that was asked for (specs/evaluation.md 1.4): quality that holds at 1,000
// words and falls apart at 10,000 is not seen in one mean. `edges` are the upper edges of the
// buckets in words, rising (eval.buckets); a length on an edge belongs to the lower bucket.

/// The index of the bucket; nothing above the last edge.
std::optional<std::size_t> bucket_of(std::int64_t target_words,
                                     std::span<const std::int64_t> edges);

/// Means of the buckets within a range of lengths; a bucket without stories is left out, not 0.
struct LengthBands {
  std::optional<double> trained;     ///< "ID": buckets up to 4,000 words
  std::optional<double> longer;      ///< "near-OOD": up to 8,000
  std::optional<double> far_longer;  ///< "far-OOD": above
};
LengthBands length_bands(std::span<const std::optional<double>> bucket_values,
                         std::span<const std::int64_t> edges);

/// The mean of the buckets that have a value: every length counts the same, however many stories
/// it has. With the six published buckets the bands weigh 3 : 2 : 1.
std::optional<double> bucket_mean(std::span<const std::optional<double>> bucket_values);

/// Change per bucket by ordinary least squares over the bucket indices 0, 1, ...; needs two
/// values. Buckets without one are left out.
std::optional<double> bucket_slope(std::span<const std::optional<double>> bucket_values);

/// The median of the slopes between all pairs of buckets (Theil-Sen): one odd bucket does not move
/// it.
std::optional<double> robust_bucket_slope(std::span<const std::optional<double>> bucket_values);

}  // namespace polaris
