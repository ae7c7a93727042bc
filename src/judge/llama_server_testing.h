// llama-server as a child of a test; `./dev setup llama` builds it.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/http_client.h"
#include "base/json.h"

namespace polaris {

/// A program that ends with this object, or with the process that started it.
class ChildProgram {
 public:
  /// @param output  takes what the program prints
  ChildProgram(std::vector<std::string> arguments, const std::filesystem::path& output) {
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    child_ = ::fork();
    if (child_ < 0) throw Error(ErrorCode::kIo, "fork failed");
    if (child_ > 0) return;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    const int file = ::open(output.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ::dup2(file, STDOUT_FILENO);
    ::dup2(file, STDERR_FILENO);
    ::execv(argv[0], argv.data());
    ::_exit(127);
  }
  ~ChildProgram() {
    if (has_ended()) return;
    ::kill(child_, SIGKILL);
    ::waitpid(child_, nullptr, 0);
  }
  ChildProgram(const ChildProgram&) = delete;
  ChildProgram& operator=(const ChildProgram&) = delete;

  bool has_ended() {
    if (!ended_) ended_ = ::waitpid(child_, nullptr, WNOHANG) == child_;
    return ended_;
  }

 private:
  pid_t child_ = -1;
  bool ended_ = false;
};

/// A port of this machine that nobody listens on.
inline int free_port() {
  const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  socklen_t size = sizeof address;
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  const bool is_bound =
      ::bind(socket, generic, size) == 0 && ::getsockname(socket, generic, &size) == 0;
  ::close(socket);
  if (!is_bound) throw Error(ErrorCode::kIo, "no port is free");
  return ntohs(address.sin_port);
}

/// A running llama-server, with one thread and one story at a time.
class LlamaServer {
 public:
  static std::filesystem::path program() {
    return POLARIS_SOURCE_DIR "/.deps/llama/bin/llama-server";
  }

  /// Starts it and waits until it has read the model.
  /// @param context  tokens of prompt and answer together
  /// @param log      takes what it prints
  /// @throws Error{kUnavailable} with the end of that, if it does not come up
  LlamaServer(const std::filesystem::path& model, int context,
              const std::vector<std::string>& options, std::filesystem::path log)
      : log_(std::move(log)), program_(command(model, context, options), log_) {
    constexpr double kPatience_s = 120.0;
    const SystemClock clock;
    const double give_up_s = clock.steady_s() + kPatience_s;
    while (status_of("/health") != 200) {
      if (program_.has_ended() || clock.steady_s() > give_up_s)
        throw Error(ErrorCode::kUnavailable,
                    fmt::format("llama-server did not come up: {}", last_words()));
      std::this_thread::sleep_for(std::chrono::milliseconds(20));  // it does not tell; we look
    }
  }

  std::string url(const std::string& path) const {
    return fmt::format("http://127.0.0.1:{}{}", port_, path);
  }

  /// The server's own word for its version.
  std::string version() {
    const HttpResult result = client_.fetch({.url = url("/props"), .deadline_s = 10});
    return Json::parse(std::get<HttpResponse>(result).body).at("build_info").get<std::string>();
  }

  /// The end of what it has printed.
  std::string last_words() const {
    constexpr std::size_t kBytes = 2000;
    std::ifstream in(log_);
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    return text.substr(text.size() - std::min(kBytes, text.size()));
  }

 private:
  std::vector<std::string> command(const std::filesystem::path& model, int context,
                                   const std::vector<std::string>& options) const {
    std::vector<std::string> arguments = {program().string(),
                                          "--model",
                                          model.string(),
                                          "--host",
                                          "127.0.0.1",
                                          "--port",
                                          std::to_string(port_),
                                          "--ctx-size",
                                          std::to_string(context),
                                          "--parallel",
                                          "1",
                                          "--threads",
                                          "1"};
    arguments.insert(arguments.end(), options.begin(), options.end());
    return arguments;
  }

  int status_of(const std::string& path) {
    const HttpResult result = client_.fetch({.url = url(path), .deadline_s = 10});
    const auto* response = std::get_if<HttpResponse>(&result);
    return response == nullptr ? 0 : response->status;
  }

  int port_ = free_port();
  std::filesystem::path log_;
  ChildProgram program_;  // before the client: a fork should find no threads
  HttpClient client_;
};

}  // namespace polaris
