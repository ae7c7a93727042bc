#pragma once

#include <optional>
#include <span>
#include <vector>

namespace polaris {

/// Statistics of what was measured: nothing measured gives nothing, never 0.

std::optional<double> mean(std::span<const double> values);

/// Sample standard deviation, n - 1 in the denominator; needs two values.
std::optional<double> deviation(std::span<const double> values);

std::optional<double> minimum(std::span<const double> values);
std::optional<double> maximum(std::span<const double> values);

/// The middle value; of an even number of them the mean of the two in the middle.
std::optional<double> median(std::span<const double> values);

/// The value of rank round(q (n - 1)) in ascending order; q in [0, 1].
std::optional<double> quantile(std::span<const double> values, double q);

}  // namespace polaris
