#pragma once

#include <span>
#include <vector>

#include "base/config.h"
#include "rl/types.h"

namespace polaris {

enum class Normaliser { kTokenMean, kPairMean };
std::vector<std::string> enum_names(Normaliser);

enum class ImportanceWeights { kOff, kTruncated };
std::vector<std::string> enum_names(ImportanceWeights);

struct LossConfig {
  double clip_low = 0.20;
  double clip_high = 0.28;
  double dual_clip = 3.0;
  Normaliser normaliser = Normaliser::kTokenMean;
  ImportanceWeights importance_weights = ImportanceWeights::kOff;
  double importance_cap = 2.0;

  void fields(FieldList& list);
};

/// Sets the coefficient of every row and the step scale, so that
///
///   loss = step_scale * sum over rows of coefficient * sum over tokens of l
///
/// is the normalised loss (specs/recipe.md 8):
///   token mean  sum of l over all tokens / all response tokens    (coefficient 1, scale 1/tokens)
///   pair mean   the mean over pairs of rows of the pair's own token mean, as published: rows are
///               balanced over four devices and walked in micro-batches of two
/// A pair without a response token counts and contributes 0. With token mean the coefficient of a
/// row does not depend on the others, so its gradient can be worked out before they exist.
void normalise(Batch& batch, Normaliser normaliser);

/// The published pairing of rows, by index; the last pair of a part may be a single row. Rows are
/// dealt to four parts of equal count (the largest-differencing method on 24576 n + n^2 with
/// n = prompt + response tokens); each part is sorted by that cost, even positions ascending, then
/// odd positions descending, and neighbours are paired.
std::vector<std::vector<std::size_t>> pair_rows(std::span<const Row> rows);

}  // namespace polaris
