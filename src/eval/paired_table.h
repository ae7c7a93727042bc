#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "eval/bootstrap.h"
#include "eval/eval_config.h"

namespace polaris {

/// One number of two models that differ in one thing: the same seed, the same prompt.
struct PairedValue {
  std::uint64_t seed = 0;
  std::string prompt_id;
  std::optional<std::int64_t> target_words;  ///< of the prompt
  double with = 0.0;
  double without = 0.0;
};

/// Means over some of the values, and how far they differ.
struct PairedRow {
  std::string label;  ///< "all", "up to 2000 words", "slope per bucket"
  double with = 0.0;
  double without = 0.0;
  double difference = 0.0;           ///< with - without
  std::optional<Interval> interval;  ///< 95 %, of the difference
  std::int64_t prompts = 0, seeds = 0;
};

/// A row for all values, one for each length bucket that has some, and the difference of slopes
/// over the buckets (needs two of them).
///
/// A draw of the intervals takes seeds and, independently, prompts with replacement: another run of
/// the training and another set of prompts would both have given other numbers. With few seeds or
/// prompts they are too narrow rather than too wide. Source: specs/evaluation.md 1.4, 1.6.
std::vector<PairedRow> paired_table(std::span<const PairedValue> values, const EvalConfig& config);

}  // namespace polaris
