#include "train/summary.h"

#include <algorithm>
#include <string_view>

#include "base/atomic_file.h"
#include "train/run_files.h"

namespace polaris {
namespace {

Json comparison_json(const Comparison& comparison) {
  Json interval;
  if (const auto& range = comparison.difference_interval)
    interval = Json::array({range->low, range->high});
  return {{"before", or_null(comparison.before)},
          {"after", or_null(comparison.after)},
          {"difference", or_null(comparison.difference)},
          {"difference_interval", std::move(interval)},
          {"p", or_null(comparison.p)},
          {"prompts", comparison.prompts},
          {"unpaired", comparison.unpaired}};
}

}  // namespace

RunSummary summarise_run(const std::filesystem::path& run_dir, const EvalConfig& config,
                         std::string judge) {
  std::vector<std::string> ignored;  // the report names them
  RunSummary summary{.judge = std::move(judge)};
  const MetricsTable metrics = read_metrics(run_dir, ignored);
  if (!metrics.steps.empty()) summary.steps = metrics.steps.back();
  constexpr std::string_view kTiming = "timing_s/";
  for (const auto& [name, column] : metrics.columns) {
    if (name.starts_with(kTiming))
      summary.seconds[name.substr(kTiming.size())] = *metrics.total(name);
  }
  summary.cost_usd = metrics.total("cost/usd");
  if (!summary.cost_usd) summary.cost_usd = metrics.total("judge/cost_usd");

  const auto validations = validation_steps(run_dir);
  if (validations.size() < 2) return summary;
  summary.before_step = validations.front();
  summary.after_step = validations.back();
  const auto before = read_validation(run_dir, summary.before_step, ignored);
  const auto after = read_validation(run_dir, summary.after_step, ignored);
  summary.stories_before = static_cast<std::int64_t>(before.size());
  summary.stories_after = static_cast<std::int64_t>(after.size());
  summary.measures = compare(before, after, config);
  std::erase_if(summary.measures, [](const Comparison& c) { return !c.before || !c.after; });
  return summary;
}

Json to_json(const RunSummary& summary) {
  Json json = {{"judge", summary.judge},
               {"steps", summary.steps},
               {"validation",
                {{"before_step", summary.before_step},
                 {"after_step", summary.after_step},
                 {"stories_before", summary.stories_before},
                 {"stories_after", summary.stories_after}}},
               {"cost_usd", or_null(summary.cost_usd)},
               {"seconds", summary.seconds}};
  for (const Comparison& comparison : summary.measures)
    json[comparison.name] = comparison_json(comparison);
  return json;
}

void write_summary(const std::filesystem::path& run_dir, const RunSummary& summary,
                   FileSystem& files) {
  write_atomically(run_dir / "summary.json", to_json(summary).dump(2) + "\n", files);
}

}  // namespace polaris
