// polaris train and sft on the shipped tiny model, from the outside.

#include <gtest/gtest.h>

#include <algorithm>

#include "app/real_run_testing.h"

namespace polaris {
namespace {

namespace fs = std::filesystem;

class RealRun : public testing::Test {
 protected:
  RealRun() : config(small_run_config(folder.path()).string()) {}

  std::vector<std::string> train(const std::string& name,
                                 const std::vector<std::string>& settings = {}) const {
    std::vector<std::string> arguments = {"train", config, "--run-dir", (folder / name).string()};
    for (const std::string& setting : settings)
      arguments.insert(arguments.end(), {"--set", setting});
    return arguments;
  }

  void finish(const std::string& name, const std::vector<std::string>& settings = {}) const {
    const BinaryResult result = run_polaris(train(name, settings));
    ASSERT_EQ(result.exit_code, 0) << result.out << result.err;
  }

  /// What a run is about: weights, optimizer, and every story with its scores.
  std::string result_of(const std::string& name) const {
    return bytes_below(folder / name / "checkpoints/step_4/model") +
           real_file_system().read(folder / name / "checkpoints/step_4/optimizer.safetensors") +
           real_file_system().read(folder / name / "rollouts.jsonl") +
           bytes_below(folder / name / "validation");
  }

  TempFolder folder;
  std::string config;
};

TEST_F(RealRun, LeavesEverythingThatARunDirectoryHolds) {
  const BinaryResult result = run_polaris(train("run"));
  ASSERT_EQ(result.exit_code, 0) << result.out << result.err;
  EXPECT_NE(result.out.find("step 4/4  reward "), std::string::npos) << result.out;
  for (const char* name : {"config.toml", "metrics.jsonl", "rollouts.jsonl", "summary.json",
                           "report.html", "validation/step_0.jsonl", "validation/step_4.jsonl",
                           "checkpoints/step_4/DONE", "checkpoints/best/model/model.safetensors"})
    EXPECT_TRUE(fs::exists(folder / "run" / name)) << name;
  EXPECT_FALSE(fs::is_empty(folder / "run/tensorboard"));

  const auto metrics = lines_of(real_file_system().read(folder / "run/metrics.jsonl"));
  ASSERT_EQ(metrics.size(), 5U);
  const OrderedJson& last = metrics.back();
  EXPECT_LT(last["mismatch/logprob_abs_mean"], 1e-4);  // sampler and trainer are one model
  for (const char* name :
       {"reward/unclosed_think_frac", "reward/truncated_frac", "hri/gt_reward_mean",
        "val-core/all/reward/mean@1", "perf/throughput", "timing_s/gen"})
    EXPECT_TRUE(last.contains(name)) << name;

  const auto rollouts = lines_of(real_file_system().read(folder / "run/rollouts.jsonl"));
  EXPECT_EQ(rollouts.size(), 4U * 2U * 3U);
  EXPECT_EQ(
      std::ranges::count_if(rollouts, [](const auto& row) { return row["origin"] == "reference"; }),
      3 * 2);  // none in the first step: the weight is 0 there
}

TEST_F(RealRun, KilledAtRandomMomentsItGoesOnToTheSameBytes) {
  const auto start = std::chrono::steady_clock::now();
  finish("undisturbed");
  const auto undisturbed = std::chrono::steady_clock::now() - start;
  EXPECT_GT(kill_at_random_moments(train("killed"), folder / "killed", undisturbed, 5, 11), 0);
  finish("killed");
  EXPECT_EQ(result_of("killed"), result_of("undisturbed"));
}

TEST_F(RealRun, CtrlCSavesExits130AndTellsHowToGoOn) {
  const int status = start_and_signal(train("run"), SIGINT, [&] {
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::minutes(5);
    while (!fs::exists(folder / "run/validation/step_0.jsonl") &&
           std::chrono::steady_clock::now() < give_up)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
  });
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 130);
  finish("run");
  finish("undisturbed");
  EXPECT_EQ(result_of("run"), result_of("undisturbed"));
}

TEST_F(RealRun, APeakWeightOfZeroIsTheSameAsNoInjection) {
  finish("zero", {"hri.peak_weight=0"});
  finish("off", {"hri.enabled=false"});
  finish("on");
  EXPECT_EQ(result_of("zero"), result_of("off"));
  EXPECT_NE(result_of("on"), result_of("off"));
}

TEST_F(RealRun, DependsNeitherOnSlotsNorOnThreads) {
  finish("whole");
  finish("narrow", {"rollout.slots=2", "device.threads=2"});
  EXPECT_EQ(result_of("narrow"), result_of("whole"));
}

TEST_F(RealRun, GradientsThatBeginWithTheFirstScoredGroupAreTheSame) {
  finish("whole");
  finish("early", {"learner.accumulate=as_scored"});
  EXPECT_EQ(result_of("early"), result_of("whole"));
}

TEST_F(RealRun, AnotherConfigurationIsRefusedWithTheKeysThatDiffer) {
  finish("run", {"train.steps=1"});
  const BinaryResult result = run_polaris(train("run", {"train.steps=2", "hri.peak_weight=0.1"}));
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_NE(result.err.find("hri.peak_weight was 0.4, is 0.1"), std::string::npos) << result.err;
  EXPECT_EQ(result.err.find("train.steps"), std::string::npos) << result.err;  // may change
}

TEST_F(RealRun, CheckShowsThePlanAndWritesNothing) {
  const BinaryResult result = run_polaris({"train", config, "--check"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  for (const char* text : {"4 prompts, 4 with a reference", "4, 2.0 epochs of 2; 6 rows each",
                           "verdicts", "memory plan"})
    EXPECT_NE(result.out.find(text), std::string::npos) << text << "\n" << result.out;
}

TEST_F(RealRun, SupervisedTrainingIsResumedToTheSameBytes) {
  const auto sft = [&](const std::string& name) -> std::vector<std::string> {
    return {"sft",       config,
            "--run-dir", (folder / name).string(),
            "--set",     fmt::format("sft.data={}", (folder / "stories.jsonl").string()),
            "--set",     "sft.epochs=20",
            "--set",     "sft.batch_tokens=100",
            "--set",     "sft.holdout=0.25",
            "--set",     "train.steps=0"};
  };
  const BinaryResult result = run_polaris(sft("undisturbed"));
  ASSERT_EQ(result.exit_code, 0) << result.out << result.err;
  const auto metrics = lines_of(real_file_system().read(folder / "undisturbed/metrics.jsonl"));
  EXPECT_LT(metrics.back()["sft/loss"], metrics[1]["sft/loss"]);
  EXPECT_TRUE(metrics.back().contains("sft/holdout_loss"));

  for (const int milliseconds : {300, 450, 600})
    start_and_signal(sft("killed"), SIGKILL,
                     [&] { std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds)); });
  ASSERT_EQ(run_polaris(sft("killed")).exit_code, 0);
  const std::string last = fmt::format("checkpoints/step_{}", metrics.size() - 1);
  EXPECT_EQ(bytes_below(folder / "killed" / last / "model"),
            bytes_below(folder / "undisturbed" / last / "model"));
}

}  // namespace
}  // namespace polaris
