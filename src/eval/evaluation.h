#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "eval/bootstrap.h"
#include "eval/eval_config.h"
#include "eval/evaluated_story.h"
#include "eval/length_buckets.h"
#include "eval/length_ratio.h"
#include "reward/scorer.h"
#include "rollout/rollout_engine.h"

namespace polaris {

/// What is written for an evaluation.
struct EvaluationRequest {
  std::span<const Prompt> prompts;
  std::int64_t samples = 1;  ///< stories per prompt
  SamplingConfig sampling;
  std::int64_t policy_version = 0;
  ResponseReading reading;
};

/// Writes and scores the stories. The random numbers depend on prompt and sample alone, so that two
/// policies that are compared differ in nothing else.
std::vector<EvaluatedStory> evaluate(const EvaluationRequest& request, RolloutEngine& engine,
                                     Scorer& scorer);

/// A mean and how sure it is. A story without a value is missing: counted, and in no mean.
struct Estimate {
  std::optional<double> mean;
  /// 95 %, prompts as units; absent below two of them, and if eval.resamples is 0.
  std::optional<Interval> interval;
  std::int64_t stories = 0;  ///< with a value
  std::int64_t missing = 0;
};

/// One measure over all stories and by requested length.
struct MeasureSummary {
  std::string name;  ///< Measure::name
  Estimate all;
  std::vector<Estimate> buckets;  ///< one per eval.buckets
  LengthBands bands;
  std::optional<double> bucket_mean;  ///< the aggregate of the published tables
  std::optional<double> slope;        ///< per bucket
  std::optional<double> robust_slope;
};

struct EvaluationSummary {
  std::int64_t prompts = 0;
  std::int64_t stories = 0;
  std::vector<MeasureSummary> measures;  ///< in the order of measures()
  std::optional<LengthSpread> length;
  std::map<std::string, std::int64_t> failures;  ///< why scores are missing, with counts

  const MeasureSummary& of(std::string_view measure) const;
};

EvaluationSummary summarise(std::span<const EvaluatedStory> stories, const EvalConfig& config);

/// One measure of two writers on the same prompts. All numbers are over the prompts that have it
/// on both sides, each counting once, so difference = after - before.
struct Comparison {
  std::string name;  ///< Measure::name
  std::optional<double> before, after, difference;
  std::optional<Interval> difference_interval;  ///< 95 %, paired by prompt
  std::optional<double> p;                      ///< sign_flip_p(), two-sided
  std::int64_t prompts = 0;
  std::int64_t unpaired = 0;  ///< prompts with a value on one side only

  /// Whether the interval leaves 0 out, on either side.
  bool is_clear() const { return difference_interval && !difference_interval->contains(0.0); }
};

/// Every measure, in the order of measures().
std::vector<Comparison> compare(std::span<const EvaluatedStory> before,
                                std::span<const EvaluatedStory> after, const EvalConfig& config);

}  // namespace polaris
