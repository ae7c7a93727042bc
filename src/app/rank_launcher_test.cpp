#include "app/rank_launcher.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "base/error.h"
#include "base/temp_folder.h"

namespace polaris {
namespace {

struct Launched {
  int code = -1;
  std::string err;
};

/// Ranks that are shells: each runs `script`.
Launched launch(int ranks, const std::string& script, double grace_s = 20) {
  std::ostringstream err;
  const int code = run_ranks(
      {.ranks = ranks, .arguments = {"-c", script}, .program = "/bin/sh", .grace_s = grace_s}, err);
  return {code, err.str()};
}

std::string read(const std::filesystem::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

constexpr int kUnavailable = static_cast<int>(ErrorCode::kUnavailable);

TEST(RankLauncher, TellsEveryRankWhoItIs) {
  const TempFolder folder;
  const auto script = "echo $RANK $LOCAL_RANK $WORLD_SIZE $MASTER_ADDR $MASTER_PORT > " +
                      folder.path().string() + "/$RANK";
  EXPECT_EQ(launch(3, script).code, 0);
  std::string port;
  for (int rank = 0; rank < 3; ++rank) {
    const std::string line = read(folder / std::to_string(rank));
    const std::string expected = fmt::format("{0} {0} 3 127.0.0.1 ", rank);
    EXPECT_EQ(line.substr(0, expected.size()), expected);
    if (rank == 0) port = line.substr(expected.size());
    EXPECT_EQ(line.substr(expected.size()), port);
    EXPECT_GT(std::stoi(port), 1023);
  }
}

TEST(RankLauncher, OnlyRankZeroWritesOnStandardOutput) {
  testing::internal::CaptureStdout();
  launch(3, "echo out $RANK");
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "out 0\n");
}

TEST(RankLauncher, ALineThatAllWriteIsShownOnce) {
  EXPECT_EQ(launch(3, "echo cause >&2; exit 6").err, "cause\n");
  EXPECT_EQ(launch(3, "printf 'no line end' >&2").err, "no line end\n");
}

TEST(RankLauncher, WhatOnlyOneRankWritesIsShownBehindItsName) {
  const auto [code, err] = launch(3, "echo all >&2; test $RANK != 2 || echo mine >&2");
  EXPECT_EQ(code, 0);
  EXPECT_EQ(err, "all\nrank 2: mine\n");
}

TEST(RankLauncher, ReturnsTheCodeOfTheRankThatFailedFirst) {
  // Rank 1 fails; the others notice and end with another code.
  const TempFolder folder;
  const std::string mark = folder.path().string() + "/failed";
  const auto [code, err] =
      launch(3, "if test $RANK = 1; then echo disk full >&2; touch " + mark +
                    "; exit 4; fi; while ! test -e " + mark +
                    "; do sleep 0.02; done; sleep 0.5; echo rank 1 has ended >&2; exit 5");
  EXPECT_EQ(code, 4);
  EXPECT_EQ(err, "rank 1 has ended\nrank 1: disk full\n");
}

TEST(RankLauncher, ARankThatIsKilledIsReportedInWords) {
  const auto [code, err] = launch(2, "test $RANK != 1 || kill -KILL $$; exit 0");
  EXPECT_EQ(code, kUnavailable);
  EXPECT_EQ(err,
            "polaris: rank 1 of 2 was ended by signal 9 (Killed); if nobody did that, memory ran "
            "out\n");
}

TEST(RankLauncher, RanksThatDoNotEndAfterAFailureAreEnded) {
  const TempFolder folder;
  const auto begin = std::chrono::steady_clock::now();
  const std::string path = folder.path().string();
  // Rank 1 obeys SIGTERM, rank 2 does not.
  const auto [code, err] =
      launch(3,
             "case $RANK in 0) while ! test -e " + path + "/1 || ! test -e " + path +
                 "/2; do sleep 0.02; done; exit 3;; "
                 "1) trap 'echo term >&2; exit 130' TERM;; 2) trap '' TERM;; "
                 "esac; touch " +
                 path + "/$RANK; while :; do sleep 0.05; done",
             0.5);
  EXPECT_EQ(code, 3);
  EXPECT_EQ(err, "rank 1: term\n");
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(20));
}

TEST(RankLauncher, RanksThatEndAsAllDoAreNotHurried) {
  const auto [code, err] =
      launch(2, "test $RANK = 0 || exit 7; sleep 1; echo saved >&2; exit 7", 0.1);
  EXPECT_EQ(code, static_cast<int>(ErrorCode::kBudget));
  EXPECT_EQ(err, "saved\n");
}

TEST(RankLauncher, AProgramThatIsNotThereIsNamed) {
  std::ostringstream err;
  EXPECT_EQ(run_ranks({.ranks = 2, .program = "/no/such/program"}, err),
            static_cast<int>(ErrorCode::kIo));
  EXPECT_EQ(err.str(), "cannot run /no/such/program: No such file or directory\n");
}

/// A launcher in a process of its own, whose ranks write their process ids to RANK in a folder.
class LauncherProcess {
 public:
  explicit LauncherProcess(const std::string& script) {
    pid_ = ::fork();
    if (pid_ == 0) {
      std::ofstream err(folder_ / "err");
      ::_exit(run_ranks({.ranks = 2,
                         .arguments = {"-c", script + "; echo $$ > " + folder_.path().string() +
                                                 "/tmp$RANK; mv " + folder_.path().string() +
                                                 "/tmp$RANK " + folder_.path().string() +
                                                 "/$RANK; while :; do sleep 0.05; done"},
                         .program = "/bin/sh"},
                        err));
    }
    for (const char* rank : {"0", "1"}) {
      while (!std::filesystem::exists(folder_ / rank))
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
      ranks_.push_back(std::stoi(read(folder_ / rank)));
    }
  }
  ~LauncherProcess() {
    if (pid_ > 0) ::kill(pid_, SIGKILL);
  }

  void signal(int number) const { ::kill(pid_, number); }
  int wait() {
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  std::string err() const { return read(folder_ / "err"); }

  /// Within 10 s.
  bool ranks_end() const {
    for (int i = 0; i < 1000; ++i) {
      const bool any = std::ranges::any_of(ranks_, [](pid_t rank) { return is_running(rank); });
      if (!any) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return false;
  }

 private:
  /// Also false for a process that has ended and waits to be asked about.
  static bool is_running(pid_t pid) {
    const std::string status = read(fmt::format("/proc/{}/stat", pid));
    const std::size_t name_end = status.rfind(')');
    return name_end != std::string::npos && status[name_end + 2] != 'Z';
  }

  TempFolder folder_;
  pid_t pid_ = -1;
  std::vector<pid_t> ranks_;
};

TEST(RankLauncher, PassesSignalsOnToTheRanks) {
  for (const int signal : {SIGINT, SIGTERM}) {
    LauncherProcess launcher("trap 'echo stopping >&2; exit 130' INT TERM");
    launcher.signal(signal);
    EXPECT_EQ(launcher.wait(), static_cast<int>(ErrorCode::kInterrupted));
    EXPECT_EQ(launcher.err(), "stopping\n");
  }
}

TEST(RankLauncher, ASignalThatEndsTheRanksIsAnInterrupt) {
  LauncherProcess launcher(":");
  launcher.signal(SIGTERM);
  EXPECT_EQ(launcher.wait(), static_cast<int>(ErrorCode::kInterrupted));
  EXPECT_EQ(launcher.err(), "");
}

TEST(RankLauncher, RanksDieWithTheLauncher) {
  LauncherProcess launcher("trap '' INT TERM");
  launcher.signal(SIGKILL);
  launcher.wait();
  EXPECT_TRUE(launcher.ranks_end());
}

}  // namespace
}  // namespace polaris
