// Several ranks of one training, as processes of the built program.

#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <csignal>
#include <fstream>
#include <iterator>
#include <random>
#include <thread>

#include "app/real_run_testing.h"
#include "base/error.h"
#include "base/jsonl.h"

namespace polaris {
namespace {

namespace fs = std::filesystem;

class RanksRun : public testing::Test {
 protected:
  std::vector<std::string> train(const std::string& name, int ranks) const {
    return {"train",   config.string(),           "--run-dir", (folder / name).string(),
            "--ranks", std::to_string(ranks),     "--threads", "1",
            "--set",   "distributed.timeout_s=60"};
  }
  void finish(const std::string& name, int ranks) const {
    const BinaryResult result = run_polaris(train(name, ranks));
    ASSERT_EQ(result.exit_code, 0) << result.err << result.out;
  }
  std::vector<Json> lines(const std::string& name, const char* file) const {
    std::vector<Json> lines;
    JsonlReader reader(folder / name / file, LastLine::kMustBeWhole);
    while (auto line = reader.next()) lines.push_back(std::move(*line));
    return lines;
  }
  std::vector<Json> rollouts(const std::string& name) const {
    return lines(name, "rollouts.jsonl");
  }

  const TempFolder folder;
  const fs::path config = small_run_config(folder.path());
};

TEST_F(RanksRun, TwoAndThreeMakeTheRunOfOneUpToRounding) {
  finish("one", 1);
  const auto alone = rollouts("one");
  const auto metrics_alone = lines("one", "metrics.jsonl");
  for (const int ranks : {2, 3}) {
    const std::string name = fmt::format("of {}", ranks);
    finish(name, ranks);
    const auto together = rollouts(name);
    ASSERT_EQ(together.size(), alone.size());
    for (std::size_t i = 0; i < alone.size(); ++i) {
      EXPECT_EQ(together[i].at("id"), alone[i].at("id"));  // the same order of data throughout
      if (alone[i].at("step") == 1) {                      // before any update
        EXPECT_EQ(together[i], alone[i]);
      }
    }
    const auto metrics = lines(name, "metrics.jsonl");
    ASSERT_EQ(metrics.size(), metrics_alone.size());
    for (const char* measure : {"actor/grad_norm", "actor/entropy", "critic/score/mean"}) {
      const double expected = metrics_alone[1].at(measure).get<double>();
      EXPECT_NEAR(metrics[1].at(measure).get<double>(), expected, 1e-5 * std::abs(expected))
          << measure;
    }
  }
}

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
