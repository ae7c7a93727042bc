// Ranks of one training that are killed and stopped.

#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <fstream>
#include <iterator>
#include <random>
#include <thread>

#include "app/ranks_run_testing.h"
#include "base/error.h"

namespace polaris {
namespace {

namespace fs = std::filesystem;

/// One of the ranks that a launcher has started; the launcher itself while there are none.
pid_t some_rank(pid_t launcher, unsigned which) {
  std::ifstream children(fmt::format("/proc/{0}/task/{0}/children", launcher));
  const std::vector<pid_t> ranks{std::istream_iterator<pid_t>(children), {}};
  return ranks.empty() ? launcher : ranks[which % ranks.size()];
}

TEST_F(RanksRun, GoesOnAfterRanksWereKilledInWhateverNumber) {
  const auto start = std::chrono::steady_clock::now();
  finish("undisturbed", 2);
  const auto whole = std::chrono::steady_clock::now() - start;
  std::mt19937 random(5);
  std::uniform_real_distribution<double> share(0.1, 0.9);
  int killed = 0;
  for (int round = 0; round < 10; ++round) {
    const int ranks = 2 + round % 2;
    const auto moment = share(random) * whole;
    const unsigned which = random();
    const auto began = std::chrono::steady_clock::now();
    const int status = start_and_signal(
        train("killed", ranks), SIGKILL, [&] { std::this_thread::sleep_for(moment); },
        [&](pid_t launcher) { return some_rank(launcher, which); });
    EXPECT_LT(std::chrono::steady_clock::now() - began, moment + std::chrono::seconds(30));
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
      fs::remove_all(folder / "killed");
      continue;
    }
    ++killed;
    // The launcher says that a rank was killed, unless it was itself, before it had any.
    EXPECT_TRUE(WIFSIGNALED(status) ||
                WEXITSTATUS(status) == static_cast<int>(ErrorCode::kUnavailable))
        << status;
  }
  EXPECT_GT(killed, 3);
  for (const int ranks : {3, 1}) finish("killed", ranks);  // the second finds it finished
  const auto expected = rollouts("undisturbed"), found = rollouts("killed");
  ASSERT_EQ(found.size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(found[i].at("id"), expected[i].at("id"));
    if (expected[i].at("step") == 1) {
      EXPECT_EQ(found[i].at("tokens"), expected[i].at("tokens"));
    }
  }
}

TEST_F(RanksRun, OfTheSameNumberGoOnToTheSameBytes) {
  finish("undisturbed", 2);
  const int status = start_and_signal(train("stopped", 2), SIGINT, [&] {
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::minutes(2);
    while (!fs::exists(folder / "stopped/checkpoints/step_2/DONE") &&
           std::chrono::steady_clock::now() < give_up)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
  });
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), static_cast<int>(ErrorCode::kInterrupted));
  finish("stopped", 2);
  const auto result = [&](const char* name) {
    return bytes_below(folder / name / "checkpoints/step_4/model") +
           real_file_system().read(folder / name / "checkpoints/step_4/optimizer.safetensors") +
           real_file_system().read(folder / name / "rollouts.jsonl");
  };
  EXPECT_EQ(result("stopped"), result("undisturbed"));
}

}  // namespace
}  // namespace polaris
