// `polaris model init` stopped in the middle.

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <thread>

#include "app/binary_testing.h"

namespace polaris {
namespace {

namespace fs = std::filesystem;

/// Starts to write a model of 1.5 GB and sends `signal` as soon as its temporary folder holds
/// something. @return its wait status
int start_and_signal(const fs::path& out, int signal) {
  const pid_t child = ::fork();
  if (child == 0) {
    if (std::freopen("/dev/null", "w", stderr) == nullptr) ::_exit(1);
    ::execl(POLARIS_BINARY, POLARIS_BINARY, "model", "init", "--config", "qwen3.5-0.8b", "--out",
            out.c_str(), nullptr);
    ::_exit(1);
  }
  const fs::path temporary = out.string() + ".tmp";
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::minutes(5);
  while ((!fs::exists(temporary) || fs::is_empty(temporary)) &&
         std::chrono::steady_clock::now() < give_up)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  ::kill(child, signal);
  int status = 0;
  ::waitpid(child, &status, 0);
  return status;
}

TEST(InterruptedModelInit, LeavesNothingAndExits130) {
  const TempFolder folder;
  const int status = start_and_signal(folder / "m", SIGINT);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 130);
  EXPECT_TRUE(fs::is_empty(folder.path()));
}

TEST(KilledModelInit, LeavesNothingThatLooksWholeAndIsInNobodysWay) {
  const TempFolder folder;
  ASSERT_TRUE(WIFSIGNALED(start_and_signal(folder / "m", SIGKILL)));
  EXPECT_FALSE(fs::exists(folder / "m"));
  EXPECT_FALSE(fs::exists(folder / "m.tmp/config.json"));
  const std::string config = std::string(POLARIS_GOLDEN_DIR) + "/qwen3_tiny/config.json";
  EXPECT_EQ(run_polaris({"model", "init", "--config", config, "--out", (folder / "m").string()})
                .exit_code,
            0);
  EXPECT_FALSE(fs::exists(folder / "m.tmp"));
}

}  // namespace
}  // namespace polaris
