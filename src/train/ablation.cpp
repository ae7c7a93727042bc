#include "train/ablation.h"

#include <fmt/format.h>

#include <array>

#include "base/error.h"
#include "data/story_dataset.h"
#include "eval/statistics.h"
#include "train/reference_logprobs.h"
#include "train/run_files.h"
#include "train/run_text.h"

namespace polaris {
namespace {

namespace fs = std::filesystem;

/// Mean of a number by prompt, for one run.
using ByPrompt = std::map<std::string, double>;

/// What is compared of one run.
struct Outcome {
  ByPrompt reward, held_out, trained;
};

struct Measured {
  const char* name;
  ByPrompt Outcome::*of;
};
constexpr std::array<Measured, 3> kMeasured = {
    {{"reward", &Outcome::reward},
     {"log-probability of held-out human stories, nats per token", &Outcome::held_out},
     {"log-probability of trained human stories, nats per token", &Outcome::trained}}};

/// The model, or the model with its adapter, of a checkpoint.
Policy trained(const TrainingRun& run, std::int64_t step) {
  const fs::path checkpoint = run.run_dir / "checkpoints" / fmt::format("step_{}", step);
  const PolicyConfig& model = run.config.model;
  if (!model.lora.enabled)
    return Policy::load(checkpoint / "model", model.compute_dtype, run.config.device);
  return Policy::load(find_input(model.path, run.config_file), model.compute_dtype,
                      run.config.device, checkpoint / "adapter");
}

/// The prompts of the run's data, with their references.
class Data {
 public:
  explicit Data(const TrainingRun& run)
      : text_(run.config, find_input(run.config.model.path, run.config_file)),
        held_out_(load(run, run.config.data.validation)),
        trained_(load(run, run.config.data.train)) {
    for (const auto* prompts : {&held_out_, &trained_}) {
      for (const Prompt& prompt : *prompts) targets_[prompt.id] = prompt.target_words;
    }
  }

  Outcome outcome(const TrainingRun& run) const {
    std::vector<std::string> problems;
    const auto steps = validation_steps(run.run_dir);
    if (steps.empty() || steps.back() == 0)
      throw Error(ErrorCode::kInvalidConfig,
                  fmt::format("{} has no validation behind its last step; set "
                              "train.validate_every so that there is one",
                              run.run_dir.string()));
    std::map<std::string, std::vector<double>> rewards;
    for (const EvaluatedStory& story : read_validation(run.run_dir, steps.back(), problems)) {
      if (story.score.reward) rewards[story.prompt_id].push_back(*story.score.reward);
    }
    if (!problems.empty()) throw Error(ErrorCode::kInvalidData, problems.front());
    Outcome outcome;
    for (const auto& [id, values] : rewards) outcome.reward[id] = *mean(values);
    const Policy policy = trained(run, steps.back());
    const auto encode = [&](const Prompt& prompt) {
      return text_.encoder().encode_reference(prompt);
    };
    outcome.held_out = reference_logprobs(policy, held_out_, encode);
    outcome.trained = reference_logprobs(policy, trained_, encode);
    return outcome;
  }

  std::optional<std::int64_t> target_words(const std::string& prompt_id) const {
    const auto found = targets_.find(prompt_id);
    return found == targets_.end() ? std::nullopt : found->second;
  }

 private:
  std::vector<Prompt> load(const TrainingRun& run, const std::string& file) const {
    return load_stories(find_input(file, run.config_file), text_.encoder(),
                        {.max_prompt_tokens = run.config.data.max_prompt_tokens, .hri = true})
        .prompts;
  }

  RunText text_;
  std::vector<Prompt> held_out_, trained_;
  std::map<std::string, std::optional<std::int64_t>> targets_;
};

Json row_json(const PairedRow& row) {
  Json interval;
  if (row.interval) interval = Json::array({row.interval->low, row.interval->high});
  return {{"with", row.with},     {"without", row.without}, {"difference", row.difference},
          {"interval", interval}, {"label", row.label},     {"prompts", row.prompts},
          {"seeds", row.seeds}};
}

}  // namespace

std::vector<Ablation::Table> Ablation::start() const {
  if (!run.config.hri.enabled || run.config.hri.peak_weight == 0.0)
    throw Error(ErrorCode::kInvalidConfig,
                "the configuration injects no references (hri.enabled, hri.peak_weight), so there "
                "is nothing to compare");
  const Data data(run);
  std::array<std::vector<PairedValue>, kMeasured.size()> values;
  for (std::int64_t i = 0; i < seeds; ++i) {
    std::array<Outcome, 2> outcomes;  // without, with
    for (const bool injects : {true, false}) {
      TrainingRun one = run;
      one.config.seed = run.config.seed + i;
      one.config.hri.enabled = injects;
      const char* const name = injects ? "with" : "without";
      one.run_dir = run.run_dir / fmt::format("seed_{}", one.config.seed) / name;
      run.note(fmt::format("run {} of {}: seed {}, {} references", 2 * i + (injects ? 1 : 2),
                           2 * seeds, one.config.seed, name));
      one.start();
      outcomes[injects ? 1 : 0] = data.outcome(one);
    }
    for (std::size_t m = 0; m < kMeasured.size(); ++m) {
      const ByPrompt& without = outcomes[0].*kMeasured[m].of;
      for (const auto& [id, with] : outcomes[1].*kMeasured[m].of) {
        const auto same = without.find(id);
        if (same == without.end()) continue;
        values[m].push_back({.seed = static_cast<std::uint64_t>(run.config.seed + i),
                             .prompt_id = id,
                             .target_words = data.target_words(id),
                             .with = with,
                             .without = same->second});
      }
    }
  }
  std::vector<Table> tables;
  for (std::size_t m = 0; m < kMeasured.size(); ++m)
    tables.push_back({kMeasured[m].name, paired_table(values[m], run.config.eval)});
  return tables;
}

Json to_json(const std::vector<Ablation::Table>& tables) {
  Json json = Json::array();
  for (const Ablation::Table& table : tables) {
    Json rows = Json::array();
    for (const PairedRow& row : table.rows) rows.push_back(row_json(row));
    json.push_back({{"measure", table.measure}, {"rows", std::move(rows)}});
  }
  return json;
}

std::string ablation_text(const std::vector<Ablation::Table>& tables) {
  std::string text;
  for (const Ablation::Table& table : tables) {
    text += fmt::format("{}\n  {:<20}{:>8}{:>9}{:>9}{:>9}  95 % interval\n", table.measure, "",
                        "prompts", "with", "without", "change");
    for (const PairedRow& row : table.rows) {
      const std::string interval =
          row.interval ? fmt::format("[{:+.3f}, {:+.3f}]", row.interval->low, row.interval->high)
                       : "";
      text += fmt::format("  {:<20}{:>8}{:>9.3f}{:>9.3f}{:>+9.3f}  {}\n", row.label, row.prompts,
                          row.with, row.without, row.difference, interval);
    }
    text += '\n';
  }
  return text;
}

}  // namespace polaris
