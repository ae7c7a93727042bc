#include "train/toy_run.h"

#include <fmt/format.h>

#include "base/random.h"
#include "rollout/fake_engine.h"
#include "rollout/ranked_engine.h"

namespace polaris {
namespace {

/// Numbers cannot be too short or repeat themselves: the judge's points are the whole reward.
RewardParts no_penalties(const Prompt&, const Rollout&, const std::string&) {
  return {.self_repetition = 0.0, .length = 0.0, .blank = 0.0};
}

/// A FakeLearner that shows its batches.
class WatchedLearner : public FakeLearner {
 public:
  WatchedLearner(const LossConfig& loss, const std::function<void(const Batch&)>& on_batch)
      : FakeLearner(/*learning_rate=*/20.0, loss), on_batch_(on_batch) {}

  void accumulate(std::span<const Row> rows) override {
    FakeLearner::accumulate(rows);
    batch_.rows.insert(batch_.rows.end(), rows.begin(), rows.end());
  }
  UpdateStats apply(double step_scale) override {
    batch_.step_scale = step_scale;
    if (on_batch_) on_batch_(batch_);
    batch_ = {};
    return FakeLearner::apply(step_scale);
  }

 private:
  const std::function<void(const Batch&)>& on_batch_;
  Batch batch_;
};

}  // namespace

std::optional<Rollout> ToyRun::toy_reference(const Prompt& prompt) {
  constexpr int kWords = 20;
  if (!prompt.reference) return std::nullopt;
  const ToyDistribution human({.skill = 85.0});
  RandomStream random({.prompt_hash = id_hash(prompt.id), .purpose = RandomPurpose::kData});
  Rollout reference{.origin = Origin::kReference};
  for (int i = 0; i < kWords; ++i) reference.tokens.push_back(human.sample(random.uniform()));
  reference.tokens.push_back(ToyPolicy::kEndOfText);
  reference.text = toy_text(reference.tokens);
  return reference;
}

std::vector<Prompt> ToyRun::made_up_prompts(std::size_t count, const std::string& prefix) {
  std::vector<Prompt> prompts;
  for (std::size_t i = 0; i < count; ++i) {
    prompts.push_back({.id = fmt::format("{}-{}", prefix, i),
                       .text = "Write large numbers.",
                       .tokens = {0},
                       .reference = Reference{}});
  }
  return prompts;
}

void ToyRun::start() {
  const PromptSource source(prompts, config.data);
  WatchedLearner learner(config.loss, on_batch);
  OneRank alone;
  RankedEngine engine(
      std::make_unique<FakeEngine>(learner.policy(), static_cast<std::uint64_t>(config.seed)),
      ranks != nullptr ? *ranks : alone);
  FakeJudge judge(judge_fault);
  Scorer scorer(
      judge, config.reward, [](const Rollout& rollout) { return rollout.text; }, no_penalties,
      ranks);
  RunDirectory run(run_dir, config, *files, terminal, ranks);
  const SystemClock clock;
  const auto keep_results = [&] {
    judge_calls = judge.calls();
    skill = learner.policy().skill;
  };
  try {
    run_recipe(config, {.prompts = source,
                        .validation_prompts = validation_prompts,
                        .encode_reference = encode_reference,
                        .engine = engine,
                        .scorer = scorer,
                        .validation_scorer = scorer,
                        .reading = {},
                        .learner = learner,
                        .run = run,
                        .clock = clock,
                        .interrupted = interrupted});
  } catch (...) {
    keep_results();
    throw;
  }
  keep_results();
}

}  // namespace polaris
