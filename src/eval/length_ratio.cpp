#include "eval/length_ratio.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "eval/statistics.h"

namespace polaris {
namespace {

template <class Holds>
double share(std::span<const double> values, Holds holds) {
  return static_cast<double>(std::ranges::count_if(values, holds)) /
         static_cast<double>(values.size());
}

/// |ratio - 1| <= tolerance, for ratios of whole numbers: 1,100 of 1,000 words is within 10 %.
auto within(double tolerance) {
  return [tolerance](double ratio) { return std::abs(ratio - 1.0) <= tolerance + 1e-12; };
}

}  // namespace

std::optional<double> length_ratio(std::int64_t words, std::int64_t target_words) {
  if (target_words <= 0) return std::nullopt;
  return static_cast<double>(words) / static_cast<double>(target_words);
}

std::optional<double> length_score(std::int64_t words, std::int64_t target_words) {
  if (target_words <= 0) return std::nullopt;
  const auto target = static_cast<double>(target_words);
  const double tolerance = std::max(50.0, 0.1 * target);
  const auto count = static_cast<double>(words);
  double score = 1.0;
  if (count < target - tolerance) score = 1.0 - (1.0 - count / (target - tolerance));
  if (count > target + tolerance) score = 1.0 - (count / (target + tolerance) - 1.0);
  return std::clamp(score, 0.0, 1.0);
}

std::optional<LengthSpread> length_spread(std::span<const double> ratios) {
  if (ratios.empty()) return std::nullopt;
  std::vector<double> logs;
  for (const double ratio : ratios) {
    if (ratio > 0.0) logs.push_back(std::log(ratio));
  }
  if (const auto center = median(logs)) {
    for (double& value : logs) value = std::abs(value - *center);
  }
  return LengthSpread{.within_10_percent = share(ratios, within(0.1)),
                      .within_20_percent = share(ratios, within(0.2)),
                      .over_twice = share(ratios, [](double ratio) { return ratio > 2.0; }),
                      .log_ratio_mad = median(logs)};
}

}  // namespace polaris
