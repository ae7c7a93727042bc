// The program killed at random moments by the system, not by a fake.

#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <thread>

#include "app/real_run_testing.h"

namespace polaris {
namespace {

constexpr int kSteps = 400;
const std::string kConfig = POLARIS_SOURCE_DIR "/configs/rehearsal.toml";
const std::string kStepsSetting = fmt::format("train.steps={}", kSteps);

std::vector<std::string> rehearsal(const std::filesystem::path& run_dir) {
  return {"train", kConfig, "--run-dir", run_dir.string(), "--rehearsal", "--set", kStepsSetting};
}

void finish(const std::filesystem::path& run_dir) {
  const BinaryResult result = run_polaris(rehearsal(run_dir));
  ASSERT_EQ(result.exit_code, 0) << result.err;
}

std::string result_of(const std::filesystem::path& run_dir) {
  FileSystem& files = real_file_system();
  return files.read(run_dir / fmt::format("checkpoints/step_{}/toy_learner.json", kSteps)) +
         files.read(run_dir / "rollouts.jsonl");
}

/// How long `work` takes.
template <class Work>
std::chrono::steady_clock::duration timed(Work&& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::steady_clock::now() - start;
}

TEST(KilledProgram, GoesOnToTheSameBytesAfterThirtyKills) {
  const TempFolder folder;
  const auto undisturbed = timed([&] { finish(folder / "undisturbed"); });
  EXPECT_GT(
      kill_at_random_moments(rehearsal(folder / "killed"), folder / "killed", undisturbed, 30, 17),
      10);
  finish(folder / "killed");
  EXPECT_EQ(result_of(folder / "killed"), result_of(folder / "undisturbed"));
}

TEST(KilledProgram, OnARealModelGoesOnToTheSameBytesAfterThirtyKills) {
  const TempFolder folder;
  const std::string config = small_run_config(folder.path()).string();
  const auto train = [&](const std::string& name) -> std::vector<std::string> {
    return {"train", config, "--run-dir", (folder / name).string()};
  };
  const auto result = [&](const std::string& name) {
    return bytes_below(folder / name / "checkpoints/step_4/model") +
           real_file_system().read(folder / name / "checkpoints/step_4/optimizer.safetensors") +
           real_file_system().read(folder / name / "rollouts.jsonl");
  };
  const auto undisturbed =
      timed([&] { ASSERT_EQ(run_polaris(train("undisturbed")).exit_code, 0); });
  EXPECT_GT(kill_at_random_moments(train("killed"), folder / "killed", undisturbed, 30, 23), 10);
  ASSERT_EQ(run_polaris(train("killed")).exit_code, 0);
  EXPECT_EQ(result("killed"), result("undisturbed"));
}

TEST(InterruptedProgram, SavesAndExits130) {
  const TempFolder folder;
  const int status = start_and_signal(rehearsal(folder / "run"), SIGINT, [&] {
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::minutes(5);
    while (!std::filesystem::exists(folder / "run/metrics.jsonl") &&
           std::chrono::steady_clock::now() < give_up)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
  });
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 130);
  finish(folder / "run");
  finish(folder / "undisturbed");
  EXPECT_EQ(result_of(folder / "run"), result_of(folder / "undisturbed"));
}

}  // namespace
}  // namespace polaris
