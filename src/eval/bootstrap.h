#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace polaris {

// How sure a mean is, with the prompt as the unit: what a model makes of one prompt says little
// about the next one, however many samples were taken (specs/evaluation.md 1.6).

/// How often resampling draws, and from which seed (eval.resamples, eval.seed). Random numbers are
/// a function of the seed and the draw alone.
struct Resampling {
  std::int64_t draws = 2000;
  std::uint64_t seed = 20260604;
};

/// Between 2.5 % and 97.5 % of what resampling gives.
struct Interval {
  double low = 0.0;
  double high = 0.0;

  bool contains(double value) const { return low <= value && value <= high; }
};

/// The percentile interval of resampled values; nothing for none.
/// Source: golden/eval `percentile_ci`, its rule "longform".
std::optional<Interval> percentile_interval(std::span<const double> values);

/// The interval of the mean over all values, where a draw takes prompts with replacement and all
/// values of a prompt together. Prompts without a value are left out; needs two with one.
std::optional<Interval> bootstrap_mean(std::span<const std::vector<double>> by_prompt,
                                       const Resampling& resampling);

/// The interval of the mean of paired differences, one per prompt; needs two.
std::optional<Interval> bootstrap_difference(std::span<const double> differences,
                                             const Resampling& resampling);

/// How often differences of random sign have a mean as far from 0 as the given ones: the two-sided
/// p of a sign-flip permutation test, in (0, 1]; nothing for no differences.
std::optional<double> sign_flip_p(std::span<const double> differences,
                                  const Resampling& resampling);

}  // namespace polaris
