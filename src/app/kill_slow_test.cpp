// The program killed at random moments by the system, not by a fake.

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <functional>
#include <random>
#include <thread>

#include "app/binary_testing.h"

namespace polaris {
namespace {

constexpr int kSteps = 400;
const std::string kConfig = POLARIS_SOURCE_DIR "/configs/rehearsal.toml";
const std::string kStepsSetting = fmt::format("train.steps={}", kSteps);

/// Starts a rehearsal and sends it `signal` once `wait` returns. @return its wait status
int start_and_signal(const std::filesystem::path& run_dir, int signal,
                     const std::function<void()>& wait) {
  const pid_t child = ::fork();
  if (child == 0) {
    if (std::freopen("/dev/null", "w", stdout) == nullptr) ::_exit(1);
    ::execl(POLARIS_BINARY, POLARIS_BINARY, "train", kConfig.c_str(), "--run-dir", run_dir.c_str(),
            "--rehearsal", "--set", kStepsSetting.c_str(), nullptr);
    ::_exit(1);
  }
  wait();
  ::kill(child, signal);
  int status = 0;
  ::waitpid(child, &status, 0);
  return status;
}

void finish(const std::filesystem::path& run_dir) {
  const BinaryResult result = run_polaris(
      {"train", kConfig, "--run-dir", run_dir.string(), "--rehearsal", "--set", kStepsSetting});
  ASSERT_EQ(result.exit_code, 0) << result.err;
}

std::string result_of(const std::filesystem::path& run_dir) {
  FileSystem& files = real_file_system();
  return files.read(run_dir / fmt::format("checkpoints/step_{}/toy_learner.json", kSteps)) +
         files.read(run_dir / "rollouts.jsonl");
}

TEST(KilledProgram, GoesOnToTheSameBytesAfterThirtyKills) {
  const TempFolder folder;
  finish(folder / "undisturbed");
  std::mt19937 random(17);
  int killed = 0;
  for (int round = 0; round < 30; ++round) {
    const std::chrono::microseconds moment(2000 + random() % 60'000);
    const int status =
        start_and_signal(folder / "killed", SIGKILL, [&] { std::this_thread::sleep_for(moment); });
    killed += WIFSIGNALED(status) ? 1 : 0;
  }
  EXPECT_GT(killed, 10);
  finish(folder / "killed");
  EXPECT_EQ(result_of(folder / "killed"), result_of(folder / "undisturbed"));
}

TEST(InterruptedProgram, SavesAndExits130) {
  const TempFolder folder;
  const int status = start_and_signal(folder / "run", SIGINT, [&] {
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(30);
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
