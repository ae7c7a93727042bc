// Tests of several ranks: each rank is this test's own binary, started again with the name of what
// it is to do.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/error.h"
#include "base/temp_folder.h"
#include "nn/rendezvous.h"

namespace polaris {

using RankProgram = std::function<void(Collective&)>;

inline constexpr const char* kProgramVariable = "POLARIS_TEST_RANK_PROGRAM";
inline constexpr const char* kTimeoutVariable = "POLARIS_TEST_TIMEOUT_S";

/// Runs one of the programs instead of the tests, where a test has asked for that.
/// Use: testing::AddGlobalTestEnvironment(new RankPrograms({...})).
class RankPrograms : public testing::Environment {
 public:
  explicit RankPrograms(std::map<std::string, RankProgram> programs)
      : programs_(std::move(programs)) {}

  void SetUp() override {
    const auto name = environment_variable(kProgramVariable);
    if (name) std::exit(run(programs_.at(*name)));
  }

 private:
  static int run(const RankProgram& program) try {
    DistributedConfig config;
    config.timeout_s = std::stod(environment_variable(kTimeoutVariable).value_or("20"));
    const auto collective = join(read_rendezvous(), config);
    program(*collective);
    return EXIT_SUCCESS;
  } catch (const Error& e) {
    ::dprintf(STDERR_FILENO, "%s\n", e.what());
    return static_cast<int>(e.code());
  }

  std::map<std::string, RankProgram> programs_;
};

/// For programs: a line of standard error, and the end if something is not as it should be.
inline void say(const std::string& line) { ::dprintf(STDERR_FILENO, "%s\n", line.c_str()); }
inline void require(bool condition, const std::string& what) {
  if (!condition) throw Error(ErrorCode::kInternal, "not so: " + what);
}

/// A process that is gone with its object.
class RankProcess {
 public:
  struct End {
    int code = -1;    ///< of exit; -1: it was killed
    std::string err;  ///< all of its standard error
    double seconds = 0;
  };

  RankProcess(const std::vector<std::string>& command,
              const std::map<std::string, std::string>& environment)
      : err_(folder_ / "err") {
    std::vector<char*> arguments;
    for (const std::string& argument : command)
      arguments.push_back(const_cast<char*>(argument.c_str()));
    arguments.push_back(nullptr);
    pid_ = ::fork();
    if (pid_ != 0) return;
    for (const auto& [name, value] : environment) ::setenv(name.c_str(), value.c_str(), 1);
    ::dup2(::open("/dev/null", O_WRONLY), STDOUT_FILENO);
    ::dup2(::open(err_.c_str(), O_WRONLY | O_CREAT, 0600), STDERR_FILENO);
    ::execvp(arguments[0], arguments.data());
    ::_exit(127);
  }
  ~RankProcess() {
    if (ended_) return;
    signal(SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  RankProcess(const RankProcess&) = delete;
  RankProcess& operator=(const RankProcess&) = delete;

  void signal(int number) const { ::kill(pid_, number); }

  std::string err() const {
    std::ifstream file(err_, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  /// Until it has said so.
  void wait_for(const std::string& text) const {
    until([&] { return err().find(text) != std::string::npos; }, "wait for \"" + text + '"');
  }

  End wait() {
    int status = 0;
    until([&] { return ::waitpid(pid_, &status, WNOHANG) == pid_; }, "end");
    ended_ = true;
    return {.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1,
            .err = err(),
            .seconds = since_start()};
  }

 private:
  double since_start() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }
  template <class Condition>
  void until(const Condition& condition, const std::string& what) const {
    constexpr double kDeadline_s = 60;
    while (!condition()) {
      if (since_start() > kDeadline_s)
        throw Error(ErrorCode::kInternal, "a rank did not " + what + ": " + err());
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  }

  TempFolder folder_;
  std::string err_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  pid_t pid_ = -1;
  bool ended_ = false;
};

/// A port of 127.0.0.1 that nobody uses.
inline int free_port() {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  socklen_t size = sizeof address;
  auto* const bound = reinterpret_cast<sockaddr*>(&address);
  const bool found = ::bind(socket, bound, size) == 0 && ::getsockname(socket, bound, &size) == 0;
  ::close(socket);
  if (!found) throw Error(ErrorCode::kInternal, "there is no free port");
  return ntohs(address.sin_port);
}

/// What a launcher sets.
inline std::map<std::string, std::string> rank_environment(int rank, int size, int port) {
  return {{"RANK", std::to_string(rank)},
          {"LOCAL_RANK", std::to_string(rank)},
          {"WORLD_SIZE", std::to_string(size)},
          {"MASTER_ADDR", "127.0.0.1"},
          {"MASTER_PORT", std::to_string(port)}};
}

/// Starts one rank with this environment.
inline std::unique_ptr<RankProcess> start_rank(const std::string& program, double timeout_s,
                                               std::map<std::string, std::string> environment) {
  environment[kProgramVariable] = program;
  environment[kTimeoutVariable] = std::to_string(timeout_s);
  return std::make_unique<RankProcess>(std::vector<std::string>{"/proc/self/exe"}, environment);
}

/// One process per rank, all with the same program.
class RankGroup {
 public:
  RankGroup(int size, const std::string& program, double timeout_s = 30) {
    const int port = free_port();
    for (int rank = 0; rank < size; ++rank)
      processes_.push_back(start_rank(program, timeout_s, rank_environment(rank, size, port)));
  }
  RankProcess& operator[](int rank) { return *processes_[static_cast<std::size_t>(rank)]; }

  std::vector<RankProcess::End> wait() {
    std::vector<RankProcess::End> ends;
    for (auto& process : processes_) ends.push_back(process->wait());
    return ends;
  }

 private:
  std::vector<std::unique_ptr<RankProcess>> processes_;
};

}  // namespace polaris
