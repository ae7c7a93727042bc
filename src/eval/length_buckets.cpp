#include "eval/length_buckets.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "eval/statistics.h"

namespace polaris {
namespace {

constexpr std::int64_t kTrainedUpTo = 4000;  // words: the longest stories of the training data
constexpr std::int64_t kLongerUpTo = 8000;

/// (bucket index, value) of the buckets that have one.
std::vector<std::pair<double, double>> points(std::span<const std::optional<double>> values) {
  std::vector<std::pair<double, double>> found;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (values[i]) found.emplace_back(static_cast<double>(i), *values[i]);
  }
  return found;
}

}  // namespace

std::optional<std::size_t> bucket_of(std::int64_t target_words,
                                     std::span<const std::int64_t> edges) {
  const auto edge = std::ranges::lower_bound(edges, target_words);
  if (edge == edges.end()) return std::nullopt;
  return static_cast<std::size_t>(edge - edges.begin());
}

LengthBands length_bands(std::span<const std::optional<double>> bucket_values,
                         std::span<const std::int64_t> edges) {
  POLARIS_CHECK(bucket_values.size() == edges.size());
  std::vector<double> trained, longer, far_longer;
  for (std::size_t i = 0; i < edges.size(); ++i) {
    if (!bucket_values[i]) continue;
    auto& band = edges[i] <= kTrainedUpTo ? trained : edges[i] <= kLongerUpTo ? longer : far_longer;
    band.push_back(*bucket_values[i]);
  }
  return {.trained = mean(trained), .longer = mean(longer), .far_longer = mean(far_longer)};
}

std::optional<double> bucket_mean(std::span<const std::optional<double>> bucket_values) {
  std::vector<double> values;
  for (const auto& [index, value] : points(bucket_values)) values.push_back(value);
  return mean(values);
}

std::optional<double> bucket_slope(std::span<const std::optional<double>> bucket_values) {
  const auto found = points(bucket_values);
  if (found.size() < 2) return std::nullopt;
  const auto n = static_cast<double>(found.size());
  double mean_x = 0.0;
  double mean_y = 0.0;
  for (const auto& [x, y] : found) {
    mean_x += x / n;
    mean_y += y / n;
  }
  double covariance = 0.0;
  double variance = 0.0;
  for (const auto& [x, y] : found) {
    covariance += (x - mean_x) * (y - mean_y);
    variance += (x - mean_x) * (x - mean_x);
  }
  return covariance / variance;
}

std::optional<double> robust_bucket_slope(std::span<const std::optional<double>> bucket_values) {
  const auto found = points(bucket_values);
  std::vector<double> slopes;
  for (std::size_t i = 0; i < found.size(); ++i) {
    for (std::size_t k = i + 1; k < found.size(); ++k)
      slopes.push_back((found[k].second - found[i].second) / (found[k].first - found[i].first));
  }
  return median(slopes);
}

}  // namespace polaris
