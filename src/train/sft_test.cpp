#include "train/sft.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/jsonl.h"
#include "base/temp_folder.h"
#include "nn/fake_learner.h"

namespace polaris {
namespace {

/// Ten stories of the toy policy's words, three updates an epoch.
class Sft : public testing::Test {
 protected:
  Sft() {
    for (TokenId word = 0; word < 10; ++word)
      stories.train.push_back({.prompt_tokens = {0},
                               .response_tokens = {80 + word, 81, ToyPolicy::kEndOfText},
                               .advantage = 1.0});
    config.sft.epochs = 2;
    config.sft.batch_tokens = 16;
    config.train.checkpoint_every = 2;
    config.train.validate_every = 3;
  }

  void start(const std::filesystem::path& run_dir, int updates_before_interrupt = 1000) {
    FakeLearner learner;
    RunDirectory run(run_dir, config, real_file_system(), nullptr);
    const SystemClock clock;
    int asked = 0;
    run_sft(config, {.stories = stories,
                     .learner = learner,
                     .holdout_loss = [&] { return std::optional(100.0 - learner.policy().skill); },
                     .run = run,
                     .clock = clock,
                     .interrupted = [&] { return asked++ == updates_before_interrupt; }});
  }

  std::vector<Json> metrics(const std::filesystem::path& run_dir) {
    std::vector<Json> lines;
    JsonlReader reader(run_dir / "metrics.jsonl", LastLine::kMustBeWhole);
    while (auto line = reader.next()) lines.push_back(std::move(*line));
    return lines;
  }

  TempFolder folder;
  RunConfig config;
  SupervisedStories stories;
};

TEST_F(Sft, MakesTheEpochsThatAreAskedForAndMeasuresTheHeldOutLoss) {
  EXPECT_EQ(sft_steps(config, stories), 6);  // 30 tokens with prompts: 4 rows fill an update
  start(folder / "run");
  const auto lines = metrics(folder / "run");
  ASSERT_EQ(lines.size(), 7U);
  for (const std::size_t step : {0U, 3U, 6U}) EXPECT_TRUE(lines[step].contains("sft/holdout_loss"));
  EXPECT_FALSE(lines[1].contains("sft/holdout_loss"));
  EXPECT_LT(lines[6]["sft/holdout_loss"], lines[0]["sft/holdout_loss"]);
  EXPECT_FALSE(std::filesystem::exists(folder / "run/rollouts.jsonl"));
}

TEST_F(Sft, AnInterruptedRunGoesOnToTheSameBytes) {
  start(folder / "whole");
  for (const int updates : {1, 3, 4}) {
    const auto run_dir = folder / std::to_string(updates);
    EXPECT_THROW(start(run_dir, updates), Error);
    start(run_dir);
    const auto state = "checkpoints/step_6/toy_learner.json";
    EXPECT_EQ(real_file_system().read(run_dir / state),
              real_file_system().read(folder / "whole" / state));
    EXPECT_EQ(metrics(run_dir).size(), 7U);
  }
}

TEST_F(Sft, AFinishedRunReturnsAtOnce) {
  start(folder / "run");
  start(folder / "run");
  EXPECT_EQ(metrics(folder / "run").size(), 7U);
}

}  // namespace
}  // namespace polaris
