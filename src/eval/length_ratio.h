#pragma once

#include <cstdint>
#include <optional>
#include <span>

namespace polaris {

// How well stories keep to the length that was asked for (specs/evaluation.md 1.5). Words are those
// of the recipe's penalty, TextCounts::words, and of no other count.

/// words / target_words; nothing if the target is not above 0.
std::optional<double> length_ratio(std::int64_t words, std::int64_t target_words);

/// The evaluation's score, in [0, 1], which unlike the reward's penalty is the same on both sides:
///
///   tolerance = max(50, target / 10)
///   below     1 - (1 - words / (target - tolerance))
///   within    1
///   above     1 - (words / (target + tolerance) - 1), at least 0
///
/// Nothing if the target is not above 0. Source: golden/eval `sq_length_score`.
std::optional<double> length_score(std::int64_t words, std::int64_t target_words);

/// How ratios spread, which their mean does not say: half of them at 0.5 and half at 1.5 are 1.0 on
/// average and never right.
struct LengthSpread {
  double within_10_percent = 0.0;  ///< share
  double within_20_percent = 0.0;
  double over_twice = 0.0;
  /// Median distance of log(ratio) from its own median; absent if no story has a word.
  std::optional<double> log_ratio_mad;
};

/// Nothing for no ratios.
std::optional<LengthSpread> length_spread(std::span<const double> ratios);

}  // namespace polaris
