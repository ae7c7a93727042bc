#pragma once

#include <cstdint>
#include <vector>

namespace polaris {

/// The published permutation of 0 .. n-1: a forward Fisher-Yates on the 32-bit Mersenne Twister,
/// z = next() mod (n - i); swap(p[i], p[i + z]). Source: specs/recipe.md 2.
std::vector<std::size_t> shuffled_order(std::size_t n, std::uint32_t seed);

/// Which records each step sees, from (seed, step) alone: epoch e walks the permutation of
/// seed + e in steps of `per_step`. Nothing is remembered between calls, so a resumed run needs
/// only its step number.
struct DataOrder {
  std::size_t records = 0;
  std::size_t per_step = 8;
  std::uint32_t seed = 3479;
  bool drop_last = true;  ///< leave out the short step at the end of an epoch

  /// @throws Error{kInvalidData} if an epoch has no step
  std::int64_t steps_per_epoch() const;

  /// 0-based epoch of `step` (1-based).
  std::int64_t epoch_of(std::int64_t step) const;

  /// Record indices of `step` (1-based): per_step of them, fewer in a short last step.
  std::vector<std::size_t> records_of(std::int64_t step) const;
};

}  // namespace polaris
