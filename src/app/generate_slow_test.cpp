// `polaris generate`, killed and interrupted by the system.

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <random>

#include "app/binary_testing.h"

namespace polaris {
namespace {

namespace fs = std::filesystem;

class GeneratingProgram : public testing::Test {
 protected:
  GeneratingProgram() {
    std::string input;
    for (int i = 0; i < 40; ++i) input += Json{{"id", i}, {"tokens", {1 + i, 2, 3}}}.dump() + "\n";
    put_file(folder / "in.jsonl", input);
  }

  std::vector<std::string> arguments(const fs::path& out) const {
    return {"generate",
            "--model",
            POLARIS_GOLDEN_DIR "/qwen3_5_tiny",
            "--in",
            (folder / "in.jsonl").string(),
            "--out",
            out.string(),
            "--samples",
            "5",
            "--max-new-tokens",
            "120",
            "--ignore-eos",
            "--slots",
            "6",
            "--threads",
            "1"};
  }

  std::string finish(const fs::path& out) const {
    const BinaryResult result = run_polaris(arguments(out));
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return real_file_system().read(out);
  }

  /// Starts the program and sends `signal` once its output has `size` bytes. @return wait status
  int start_and_signal(const fs::path& out, int signal, std::uintmax_t size) const {
    const auto words = arguments(out);
    const pid_t child = ::fork();
    if (child == 0) {
      std::vector<char*> list = {const_cast<char*>(POLARIS_BINARY)};
      for (const std::string& word : words) list.push_back(const_cast<char*>(word.c_str()));
      list.push_back(nullptr);
      if (std::freopen("/dev/null", "w", stderr) == nullptr) ::_exit(1);
      ::execv(POLARIS_BINARY, list.data());
      ::_exit(1);
    }
    int status = 0;
    std::error_code absent;
    while (::waitpid(child, &status, WNOHANG) == 0) {
      if (const auto now = fs::file_size(out, absent); !absent && now >= size) {
        ::kill(child, signal);
        ::waitpid(child, &status, 0);
        break;
      }
      ::usleep(100);
    }
    return status;
  }

  const TempFolder folder;
};

TEST_F(GeneratingProgram, GoesOnToTheSameBytesAfterKills) {
  const std::string expected = finish(folder / "undisturbed");
  std::mt19937 random(5);
  int killed = 0;
  for (int round = 1; round <= 5; ++round) {
    const std::uintmax_t moment = round * expected.size() / 7 + random() % 1000;
    killed += WIFSIGNALED(start_and_signal(folder / "killed", SIGKILL, moment)) ? 1 : 0;
  }
  EXPECT_GE(killed, 4);
  EXPECT_EQ(finish(folder / "killed"), expected);
}

TEST_F(GeneratingProgram, EndsAtAWholeLineOnCtrlC) {
  const int status = start_and_signal(folder / "stopped", SIGINT, 2000);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 130);
  const std::string stopped = real_file_system().read(folder / "stopped");
  EXPECT_EQ(stopped.back(), '\n');
  EXPECT_LT(lines_of(stopped).size(), 200U);
  EXPECT_EQ(finish(folder / "stopped"), finish(folder / "undisturbed"));
}

}  // namespace
}  // namespace polaris
