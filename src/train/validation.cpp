#include "train/validation.h"

#include <fmt/format.h>

#include "eval/evaluation.h"
#include "reward/length.h"

namespace polaris {
namespace {

void log_summary(StepLog& log, const EvaluationSummary& summary, const EvalConfig& config) {
  for (const MeasureSummary& measure : summary.measures) {
    const bool is_core = measure.name == "reward";
    log.set(fmt::format("{}/all/{}/mean@1", is_core ? "val-core" : "val-aux", measure.name),
            measure.all.mean);
  }
  for (const char* name : {"reward", "length_ratio"}) {  // never the one without the other
    const MeasureSummary& measure = summary.of(name);
    for (std::size_t i = 0; i < config.buckets.size(); ++i)
      log.set(fmt::format("val-aux/up_to_{}_words/{}/mean@1", config.buckets[i], name),
              measure.buckets[i].mean);
  }
  log.set("val-aux/all/failed_frac", summary.of("failed").all.mean);
}

}  // namespace

ResponseReading validation_reading(const RunConfig& config, bool prompts_open_thinking) {
  return {.prompts_open_thinking = prompts_open_thinking,
          .unclosed = config.reward.unclosed_thinking,
          .word_form = word_form(config.reward)};
}

std::vector<EvaluatedStory> validate(const RunConfig& config, Stages& stages, StepLog& log) {
  if (stages.validation_prompts.empty()) return {};
  const ValidationConfig& validation = config.validation;
  auto stories = evaluate({.prompts = stages.validation_prompts,
                           .samples = validation.samples,
                           .sampling = {.temperature = validation.temperature,
                                        .top_p = validation.top_p,
                                        .top_k = validation.top_k,
                                        .repetition_penalty = validation.repetition_penalty,
                                        .max_new_tokens = validation.max_new_tokens,
                                        .min_new_tokens = 1},
                           .policy_version = stages.learner.policy_version(),
                           .reading = stages.reading},
                          stages.engine, stages.validation_scorer);
  EvalConfig means_only = config.eval;
  means_only.resamples = 0;  // intervals belong to the comparison at the end
  log_summary(log, summarise(stories, means_only), config.eval);
  stages.run.write_validation(log.step(), stories);
  return stories;
}

}  // namespace polaris
