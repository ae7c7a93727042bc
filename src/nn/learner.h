#pragma once

#include <cstdint>
#include <filesystem>
#include <span>

#include "rl/types.h"

namespace polaris {

/// Owns the trainable policy and its optimizer. This header and everything that uses it compile
/// without libtorch.
///
/// rl/ gives every row its loss coefficient and every batch its scale, so that token mean, pair
/// mean, dropped rows and gradient work before the batch is complete share one path.
class Learner {
 public:
  virtual ~Learner() = default;

  /// Adds the gradient of sum over rows of coefficient * sum over response tokens of the
  /// surrogate. Any number of calls before apply(); their order matters by rounding only.
  /// @throws Error{kOutOfMemory} naming the limit to lower; Error{kInvalidData} for a row the
  ///         model cannot read (a token id out of range, no tokens); weights stay as they were
  virtual void accumulate(std::span<const Row> rows) = 0;

  /// Multiplies the accumulated gradient by `step_scale`, clips it, makes one optimizer step with
  /// it and clears it. A gradient that is not finite changes no weight: `skipped` says so.
  virtual UpdateStats apply(double step_scale) = 0;

  UpdateStats update(const Batch& batch) {
    accumulate(batch.rows);
    return apply(batch.step_scale);
  }

  /// How many steps were applied, skipped ones included.
  virtual std::int64_t policy_version() const = 0;

  /// Everything that decides later updates: weights, masters, moments, step count. Of several
  /// ranks all call it, and rank 0 alone writes.
  /// @param folder  exists and is empty; no path above rank 0
  virtual void save(const std::filesystem::path& folder) const = 0;

  /// The weights alone, exactly, as a model: float32 where they are trained in it. Where adapters
  /// are trained, these.
  /// @param folder  as for save()
  virtual void save_weights(const std::filesystem::path& folder) const = 0;

  /// The exact state that save() wrote. @throws Error{kIo, kInvalidData}
  virtual void load(const std::filesystem::path& folder) = 0;
};

}  // namespace polaris
