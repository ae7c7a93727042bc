#include "eval/evaluation.h"

#include <algorithm>

#include "base/error.h"
#include "eval/statistics.h"

namespace polaris {
namespace {

using ByPrompt = std::map<std::string, std::vector<double>>;

Resampling resampling_of(const EvalConfig& config) {
  return {.draws = config.resamples, .seed = static_cast<std::uint64_t>(config.seed)};
}

/// The values of those stories that `takes`; a prompt of which all are missing has none.
template <class Takes>
ByPrompt values_by_prompt(std::span<const EvaluatedStory> stories, const Measure& measure,
                          Takes takes) {
  ByPrompt values;
  for (const EvaluatedStory& story : stories) {
    if (!takes(story)) continue;
    std::vector<double>& of_prompt = values[story.prompt_id];
    if (const auto value = measure.of(story)) of_prompt.push_back(*value);
  }
  return values;
}

template <class Takes>
Estimate estimate(std::span<const EvaluatedStory> stories, const Measure& measure, Takes takes,
                  const Resampling& resampling) {
  std::vector<double> all;
  std::vector<std::vector<double>> by_prompt;
  for (auto& [id, values] : values_by_prompt(stories, measure, takes)) {
    all.insert(all.end(), values.begin(), values.end());
    by_prompt.push_back(std::move(values));
  }
  const auto taken = std::ranges::count_if(stories, takes);
  const auto with_value = static_cast<std::int64_t>(all.size());
  return {.mean = mean(all),
          .interval = bootstrap_mean(by_prompt, resampling),
          .stories = with_value,
          .missing = taken - with_value};
}

MeasureSummary summary_of(const Measure& measure, std::span<const EvaluatedStory> stories,
                          const EvalConfig& config) {
  const Resampling resampling = resampling_of(config);
  MeasureSummary summary{
      .name = measure.name,
      .all = estimate(
          stories, measure, [](const EvaluatedStory&) { return true; }, resampling)};
  std::vector<std::optional<double>> bucket_values;
  for (std::size_t bucket = 0; bucket < config.buckets.size(); ++bucket) {
    const auto is_in_bucket = [&](const EvaluatedStory& story) {
      return story.target_words && bucket_of(*story.target_words, config.buckets) == bucket;
    };
    summary.buckets.push_back(estimate(stories, measure, is_in_bucket, resampling));
    bucket_values.push_back(summary.buckets.back().mean);
  }
  summary.bands = length_bands(bucket_values, config.buckets);
  summary.bucket_mean = bucket_mean(bucket_values);
  summary.slope = bucket_slope(bucket_values);
  summary.robust_slope = robust_bucket_slope(bucket_values);
  return summary;
}

Comparison comparison_of(const Measure& measure, std::span<const EvaluatedStory> before,
                         std::span<const EvaluatedStory> after, const Resampling& resampling) {
  const auto all = [](const EvaluatedStory&) { return true; };
  const ByPrompt of_before = values_by_prompt(before, measure, all);
  const ByPrompt of_after = values_by_prompt(after, measure, all);
  Comparison result{.name = measure.name};
  std::vector<double> means_before, means_after, differences;
  for (const auto& [id, values] : of_before) {
    const auto found = of_after.find(id);
    const auto left = mean(values);
    const auto right = found == of_after.end() ? std::nullopt : mean(found->second);
    if (left && right) {
      means_before.push_back(*left);
      means_after.push_back(*right);
      differences.push_back(*right - *left);
    }
  }
  const auto with_value = [](const ByPrompt& side) {
    return std::ranges::count_if(side, [](const auto& entry) { return !entry.second.empty(); });
  };
  result.prompts = static_cast<std::int64_t>(differences.size());
  result.unpaired = with_value(of_before) + with_value(of_after) - 2 * result.prompts;
  result.before = mean(means_before);
  result.after = mean(means_after);
  result.difference = mean(differences);
  result.difference_interval = bootstrap_difference(differences, resampling);
  result.p = sign_flip_p(differences, resampling);
  return result;
}

}  // namespace

std::vector<EvaluatedStory> evaluate(const EvaluationRequest& request, RolloutEngine& engine,
                                     Scorer& scorer) {
  engine.use_policy(request.policy_version);
  auto groups = engine.generate({.prompts = request.prompts,
                                 .rollouts_per_prompt = static_cast<std::size_t>(request.samples),
                                 .step = 0,  // the same random numbers every time
                                 .sampling = request.sampling},
                                [&](std::size_t prompt, std::size_t sample, const Rollout& done) {
                                  scorer.start(request.prompts[prompt], prompt, sample, done);
                                });
  return evaluated_stories(scorer.score(std::move(groups)), request.reading);
}

const MeasureSummary& EvaluationSummary::of(std::string_view measure) const {
  const auto found = std::ranges::find(measures, measure, &MeasureSummary::name);
  POLARIS_CHECK(found != measures.end(), "there is no measure {}", measure);
  return *found;
}

EvaluationSummary summarise(std::span<const EvaluatedStory> stories, const EvalConfig& config) {
  EvaluationSummary summary{.stories = static_cast<std::int64_t>(stories.size())};
  std::vector<double> ratios;
  std::map<std::string, int> prompts;
  for (const EvaluatedStory& story : stories) {
    ++prompts[story.prompt_id];
    if (!story.score.reward) ++summary.failures[story.score.failure];
    if (!story.target_words) continue;
    if (const auto ratio = length_ratio(story.words, *story.target_words)) ratios.push_back(*ratio);
  }
  summary.prompts = static_cast<std::int64_t>(prompts.size());
  summary.length = length_spread(ratios);
  for (const Measure& measure : measures())
    summary.measures.push_back(summary_of(measure, stories, config));
  return summary;
}

std::vector<Comparison> compare(std::span<const EvaluatedStory> before,
                                std::span<const EvaluatedStory> after, const EvalConfig& config) {
  std::vector<Comparison> comparisons;
  for (const Measure& measure : measures())
    comparisons.push_back(comparison_of(measure, before, after, resampling_of(config)));
  return comparisons;
}

}  // namespace polaris
