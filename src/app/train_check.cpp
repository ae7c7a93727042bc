#include "app/train_check.h"

#include <fmt/format.h>

#include <cmath>
#include <optional>

#include "app/model_report.h"
#include "app/plan_report.h"
#include "base/assets.h"
#include "base/error.h"
#include "data/story_dataset.h"
#include "data/story_reader.h"
#include "judge/prices.h"
#include "rl/data_order.h"
#include "train/rollout_engines.h"
#include "train/run_text.h"
#include "train/training_run.h"

namespace polaris {
namespace {

namespace fs = std::filesystem;

/// The model's folder if it is here, else the shipped architecture: "models/Qwen3.5-9B" and
/// "qwen3.5-9b" are the same.
struct PlannedModel {
  std::optional<fs::path> folder;
  ModelReport report;
};

PlannedModel planned_model(const TrainCheck& check) {
  const std::string& path = check.config.model.path;
  if (path.empty())
    throw Error(ErrorCode::kInvalidConfig, "model.path is empty; name the model to train");
  try {
    const fs::path folder = find_input(path, check.config_file);
    return {folder, inspect_model(find_model(folder.string()))};
  } catch (const Error& e) {
    if (e.code() != ErrorCode::kIo) throw;
    try {
      return {std::nullopt, inspect_model(find_model(fs::path(path).filename().string()))};
    } catch (const Error&) {
      throw e;  // no such folder is the thing to tell
    }
  }
}

/// What the records of a file come to. Without a tokenizer nothing can be dropped.
struct Stories {
  std::size_t prompts = 0;
  std::size_t references = 0;
  std::size_t dropped = 0;
  std::size_t long_references = 0;
  double words = 0.0;  ///< asked for, over all prompts that ask
};

Stories count_stories(const fs::path& file, const RunText* text, const RunConfig& config,
                      bool injects) {
  Stories stories;
  StoryReader reader(file, {.needs_reasoning = injects && config.model.thinking});
  while (const auto record = reader.next()) {
    Prompt prompt = unrendered_prompt(*record);
    if (text != nullptr) {
      FilteredPrompt made = make_prompt(*record, text->encoder(), config.data.max_prompt_tokens);
      if (made.dropped) {
        ++stories.dropped;
        continue;
      }
    }
    ++stories.prompts;
    stories.words += static_cast<double>(prompt.target_words.value_or(0));
    if (!prompt.reference) continue;
    ++stories.references;
    if (injects && text != nullptr &&
        static_cast<std::int64_t>(text->encoder().reference_tokens(*prompt.reference).size()) >
            config.data.max_response_tokens)
      ++stories.long_references;
  }
  return stories;
}

std::string stories_line(const std::string& label, const std::string& file, const Stories& stories,
                         bool injects) {
  std::string line = fmt::format("  {:<16}{}: {} prompts", label, file, stories.prompts);
  if (injects) line += fmt::format(", {} with a reference", stories.references);
  if (stories.dropped > 0)
    line += fmt::format(", {} dropped (data.max_prompt_tokens)", stories.dropped);
  if (stories.long_references > 0)
    line += fmt::format(", {} references longer than data.max_response_tokens",
                        stories.long_references);
  return line + "\n";
}

/// How often something that comes every so many steps, and at the last one, comes.
std::int64_t occurrences(std::int64_t every, std::int64_t steps) {
  return every == 0 ? 0 : (steps + every - 1) / every;
}

/// What one verdict costs, from the length of what is asked and of a usual answer.
std::optional<double> verdict_cost_usd(const JudgeConfig& judge, double story_words) {
  constexpr double kTokensPerWord = 1.35;
  constexpr double kRubricTokens = 4500;  // system message and schema
  constexpr double kAnswerTokens = 6000;  // 49 keys with justifications, and as much thinking
  PriceTable prices = PriceTable::load(find_asset("prices.json"));
  if (!judge.prices.empty()) prices.merge(PriceTable::load(judge.prices));
  const JudgeUsage usage{.input_tokens = std::llround(kRubricTokens + kTokensPerWord * story_words),
                         .output_tokens = std::llround(kAnswerTokens)};
  return prices.cost_usd(usage, judge.model, judge.tier);
}

std::string judge_lines(const RunConfig& config, std::int64_t training, std::int64_t validation,
                        double words) {
  const JudgeConfig& judge = config.judge;
  std::string name = enum_names(JudgeKind{})[static_cast<std::size_t>(judge.kind)];
  if (judge.kind == JudgeKind::kHttp) name += fmt::format(", {}", judge_name(judge));
  if (judge.kind == JudgeKind::kLexical) name += ": text statistics, not a language model";
  const std::int64_t answers =  // per story
      judge.repeats * (1 + static_cast<std::int64_t>(judge.panel.size()));
  const std::int64_t calls = (training + validation) * answers;
  std::string lines = fmt::format("  {:<16}{}\n", "judge", name);
  if (judge.kind == JudgeKind::kNone) return lines;
  lines += fmt::format("  {:<16}{}: {} in training, {} in validation\n", "verdicts", grouped(calls),
                       grouped(training * answers), grouped(validation * answers));
  if (judge.kind != JudgeKind::kHttp) return lines;
  std::optional<double> cost = 0.0;  // of one answer of every judge
  std::string unpriced;
  for (const JudgeConfig& one : judges_of(judge)) {
    const auto price = verdict_cost_usd(one, words);
    if (!price) unpriced = one.model;
    cost = cost && price ? std::optional(*cost + *price) : std::nullopt;
  }
  lines += fmt::format(
      "  {:<16}{}\n", "expected cost",
      cost
          ? fmt::format("about ${:.0f} (a verdict of {:.0f} words: ${:.4f}; answers of 6,000 "
                        "tokens are assumed, nothing cached)",
                        *cost * static_cast<double>((training + validation) * judge.repeats), words,
                        *cost)
          : fmt::format("unknown: there is no price of {}; name a file in judge.prices", unpriced));
  if (judge.budget_usd > 0)
    lines += fmt::format("  {:<16}${:.2f}: the run stops before it is exceeded\n", "budget",
                         judge.budget_usd);
  return lines;
}

}  // namespace

std::string check_text(const TrainCheck& check) {
  const RunConfig& config = check.config;
  check_trainable(config);
  const PlannedModel model = planned_model(check);
  const bool injects = config.hri.enabled && config.hri.peak_weight > 0.0;
  std::optional<RunText> text;
  if (model.folder && fs::is_directory(*model.folder)) text.emplace(config, *model.folder);

  std::string out = fmt::format("{}\n  {:<16}{}, {} parameters{}\n", check.config_file, "model",
                                config.model.path, grouped(model.report.parameters),
                                model.folder ? ""
                                             : " (not on this machine: planned by its shipped "
                                               "architecture, prompts are not counted in tokens)");
  const RunText* encoder = text ? &*text : nullptr;
  const Stories train =
      count_stories(find_input(config.data.train, check.config_file), encoder, config, injects);
  const Stories held_out =
      count_stories(find_input(config.data.validation, check.config_file), encoder, config, false);
  if (injects && train.references == 0)
    throw Error(ErrorCode::kInvalidData,
                fmt::format("{}: no record has a reference story; add them, or set hri.enabled = "
                            "false",
                            config.data.train));
  out += stories_line("train", config.data.train, train, injects);
  out += stories_line("validation", config.data.validation, held_out, false);

  const DataOrder order{.records = train.prompts,
                        .per_step = static_cast<std::size_t>(config.data.prompts_per_step),
                        .drop_last = config.data.drop_last};
  const std::int64_t epoch = order.steps_per_epoch();
  const std::int64_t steps = config.train.steps > 0 ? config.train.steps : epoch;
  const std::int64_t rows = config.data.prompts_per_step * config.rollout.group_size;
  const std::int64_t validations =
      occurrences(config.train.validate_every, steps) + (config.train.validate_first ? 1 : 0);
  const std::int64_t validation_rows =
      validations * static_cast<std::int64_t>(held_out.prompts) * config.validation.samples;
  out += fmt::format("  {:<16}{}, {:.1f} epochs of {}; {} rows each ({} prompts x {}{})\n", "steps",
                     steps, static_cast<double>(steps) / static_cast<double>(epoch), epoch, rows,
                     config.data.prompts_per_step, config.rollout.group_size,
                     injects ? ", the reference included" : "");
  out += fmt::format(
      "  {:<16}{} of {} stories, {} checkpoints\n", "validations", validations,
      static_cast<std::int64_t>(held_out.prompts) * config.validation.samples,
      config.train.checkpoint_every == 0 ? 1 : occurrences(config.train.checkpoint_every, steps));
  out += judge_lines(config, steps * rows, validation_rows,
                     train.prompts == 0 ? 0.0 : train.words / static_cast<double>(train.prompts));

  const PlanTarget target = parse_plan_target(check.plan_for.empty() ? "auto" : check.plan_for,
                                              config.device, check.ranks);
  const MemoryPlan plan =
      plan_memory(memory_request(config, model.report.config, target.device, check.ranks));
  out += fmt::format("\n{}", plan_text(plan, target));
  if (!check.plan_for.empty()) require_fit(plan);
  return out;
}

}  // namespace polaris
