#include "train/training_run.h"

#include <algorithm>
#include <memory>
#include <optional>

#include "base/error.h"
#include "base/strings.h"
#include "data/story_dataset.h"
#include "judge/make_judge.h"
#include "nn/torch_learner.h"
#include "reward/rules.h"
#include "reward/story_quality.h"
#include "rollout/ranked_engine.h"
#include "train/learner_options.h"
#include "train/recipe.h"
#include "train/report.h"
#include "train/rollout_engines.h"
#include "train/run_text.h"
#include "train/summary.h"
#include "train/validation.h"

namespace polaris {
namespace {

namespace fs = std::filesystem;
using Note = std::function<void(const std::string&)>;

/// A reward for stories of up to `max_tokens`.
class RewardStage {
 public:
  /// @param judge  borrowed, as are the ranks
  RewardStage(const RunConfig& config, Judge& judge, const RunText& text, std::int64_t max_tokens,
              Ranks* ranks)
      : scorer_(judge, config.reward,
                stories_for_scorer(config.reward, text.encoder().opens_thinking()),
                rules_for_scorer(config.reward,
                                 {.prompt_opens_thinking = text.encoder().opens_thinking(),
                                  .max_tokens = max_tokens,
                                  .thinking_tokens = thinking_tokens_of(text.tokenizer())}),
                ranks) {}

  Scorer& scorer() { return scorer_; }

 private:
  Scorer scorer_;
};

/// The prompts of a file, with a note on what is left out.
std::vector<Prompt> load_prompts(const fs::path& file, const RunText& text, const RunConfig& config,
                                 bool injects_references, const Note& note) {
  StoryDataset data =
      load_stories(file, text.encoder(),
                   {.max_prompt_tokens = config.data.max_prompt_tokens, .hri = injects_references});
  const std::string name = file.filename().string();
  if (!data.dropped.empty())
    note(fmt::format("{}: {} records dropped; line {}: {}", name, data.dropped.size(),
                     data.dropped[0].line, data.dropped[0].reason));
  if (injects_references && data.without_reference > 0)
    note(fmt::format("{}: {} prompts have no reference; their groups are without one", name,
                     data.without_reference));
  return std::move(data.prompts);
}

void note_long_references(const std::vector<Prompt>& prompts, const RunText& text,
                          const Note& note) {
  const auto& options = text.encoder().options();
  std::size_t long_ones = 0;
  for (const Prompt& prompt : prompts) {
    if (!prompt.reference) continue;
    const auto tokens = text.encoder().reference_tokens(*prompt.reference).size();
    long_ones += static_cast<std::int64_t>(tokens) > options.max_response_tokens ? 1 : 0;
  }
  if (long_ones == 0) return;
  const bool skipped = options.too_long_reference == LongReference::kSkip;
  note(fmt::format("{} of {} references are longer than data.max_response_tokens = {}: they are {}",
                   long_ones, prompts.size(), options.max_response_tokens,
                   skipped ? "left out" : "cut"));
}

/// A rank's part of what the whole run may ask a judge at a time.
JudgeConfig of_one_rank(JudgeConfig judge, const Ranks& ranks) {
  judge.concurrency = std::max<std::int64_t>(judge.concurrency / ranks.size(), 1);
  return judge;
}

/// Refuses what several ranks cannot do, and ranks that mean to do different things.
void check_together(RunConfig config, Ranks& ranks) {
  if (ranks.size() == 1) return;
  RunConfig standard;
  const FieldList own = list_fields(config);
  const std::string first = ranks.from_first(show_config(own, list_fields(standard)));
  jointly(ranks, [&]() -> std::string {
    auto theirs =
        read_config<RunConfig>(ConfigSource::from_text(first, "the configuration of rank 0"));
    const auto different = fixed_keys_changed(list_fields(theirs), own);
    if (different.empty()) return "";
    throw Error(ErrorCode::kInvalidConfig,
                fmt::format("started with another configuration than rank 0: {}; give all ranks "
                            "the same",
                            join(different, "; ")));
  });
  if (config.rollout.engine == EngineKind::kRemote)
    throw Error(ErrorCode::kInvalidConfig,
                "rollout.engine is remote, and several ranks would each give the server weights; "
                "start one process, or write rollout.engine = local");
  if (config.learner.accumulate == AccumulateWhen::kAsScored)
    throw Error(ErrorCode::kInvalidConfig,
                "learner.accumulate is as_scored, but several ranks know the scores of a step only "
                "when all are there; write when_complete");
}

/// The held-out judge if the configuration sets one; else absent, and the training judge validates.
std::optional<JudgeConfig> held_out_judge(const RunConfig& config) {
  JudgeConfig held_out = config.eval.judge;
  JudgeConfig defaults;
  const FieldList standard = list_fields(defaults);
  if (show_config(list_fields(held_out), standard) == show_config(standard, standard))
    return std::nullopt;
  return held_out;
}

}  // namespace

std::string judge_name(const JudgeConfig& judge) {
  if (judge.kind == JudgeKind::kHttp) {
    std::vector<std::string> models;
    for (const JudgeConfig& one : judges_of(judge)) models.push_back(one.model);
    return join(models, " + ");
  }
  return enum_names(JudgeKind{})[static_cast<std::size_t>(judge.kind)];
}

void TrainingRun::start() const {
  if (config.model.path.empty())
    throw Error(ErrorCode::kInvalidConfig, "model.path is empty; name the model to train");
  check_trainable(config);
  SingleProcess alone;
  Collective& ranks = collective != nullptr ? *collective : alone;
  check_together(config, ranks);
  const Note note = ranks.is_first() ? this->note : [](const std::string&) {};
  const fs::path model = find_input(config.model.path, config_file);
  const RunText text(config, model);
  note(text.chat().note);

  const bool injects_references = config.hri.enabled && config.hri.peak_weight > 0.0;
  std::vector<Prompt> train_prompts = load_prompts(find_input(config.data.train, config_file), text,
                                                   config, injects_references, note);
  if (injects_references) note_long_references(train_prompts, text, note);
  std::vector<Prompt> validation_prompts;
  if (config.train.validate_first || config.train.validate_every > 0)
    validation_prompts = load_prompts(find_input(config.data.validation, config_file), text, config,
                                      /*injects_references=*/false, note);
  const PromptSource source(std::move(train_prompts), config.data);

  RunDirectory run(run_dir, config, real_file_system(), terminal, &ranks);
  TorchLearnerOptions options = learner_options(config);
  options.model.path = model.string();
  options.model.lora = found(config.model.lora, config_file);
  options.total_steps = total_steps(config, source);
  options.collective = &ranks;
  settle(options, read_model_config(model));
  if (const auto checkpoint = run.newest_checkpoint();
      checkpoint && config.optimizer.moments == MomentDtype::kAuto)  // they stay what they became
    options.optimizer.moments = saved_moments(*checkpoint).value_or(options.optimizer.moments);
  TorchLearner learner(options);
  RankedEngine engine(make_rollout_engine(config, learner, text, run_dir, interrupted), ranks);

  const JudgeSetup setup = judge_setup(config.reward, fs::weakly_canonical(run_dir).string());
  const auto judge = make_judge(of_one_rank(config.judge, ranks), setup, note);
  JudgeSetup held_out_setup = setup;
  held_out_setup.run_id += " validation";  // it has a budget of its own
  std::unique_ptr<Judge> held_out;
  if (const auto other = held_out_judge(config))
    held_out = make_judge(of_one_rank(*other, ranks), held_out_setup, note);
  RewardStage training(config, *judge, text, config.data.max_response_tokens, &ranks);
  RewardStage validation(config, held_out ? *held_out : *judge, text,
                         config.validation.max_new_tokens, &ranks);
  const SystemClock clock;
  run_recipe(config,
             {.prompts = source,
              .validation_prompts = validation_prompts,
              .encode_reference =
                  [&](const Prompt& prompt) { return text.encoder().encode_reference(prompt); },
              .engine = engine,
              .scorer = training.scorer(),
              .validation_scorer = validation.scorer(),
              .reading = validation_reading(config, text.encoder().opens_thinking()),
              .learner = learner,
              .run = run,
              .clock = clock,
              .interrupted = interrupted});
  if (!ranks.is_first()) return;
  write_summary(run_dir, summarise_run(run_dir, config.eval, judge_name(config.judge)));
  for (const std::string& problem : write_report(run_dir)) note("report.html: " + problem);
}

}  // namespace polaris
