#include "app/rank_launcher.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <optional>
#include <ostream>
#include <utility>

#include "app/rank_lines.h"
#include "base/error.h"

namespace polaris {
namespace {

using Clock = std::chrono::steady_clock;

Error system_error(const char* doing) {
  return {ErrorCode::kIo, fmt::format("starting the ranks: {}: {}", doing, std::strerror(errno))};
}

/// A descriptor that is closed with its owner.
class Descriptor {
 public:
  explicit Descriptor(int number = -1) : number_(number) {}
  ~Descriptor() { reset(); }
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    reset();
    number_ = std::exchange(other.number_, -1);
    return *this;
  }
  int get() const { return number_; }
  void reset() {
    if (number_ >= 0) ::close(number_);
    number_ = -1;
  }

 private:
  int number_;
};

/// A port of this machine that nobody uses now.
int free_port() {
  const Descriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  socklen_t size = sizeof address;
  auto* const bound = reinterpret_cast<sockaddr*>(&address);
  if (::bind(socket.get(), bound, size) != 0 || ::getsockname(socket.get(), bound, &size) != 0)
    throw system_error("looking for a free port");
  return ntohs(address.sin_port);
}

/// While it lives, these signals and the ends of children are read from a descriptor.
class Signals {
 public:
  Signals() {
    sigset_t watched;
    sigemptyset(&watched);
    for (const int signal : {SIGINT, SIGTERM, SIGCHLD}) sigaddset(&watched, signal);
    ::pthread_sigmask(SIG_BLOCK, &watched, &before_);
    descriptor_ = Descriptor(::signalfd(-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK));
  }
  ~Signals() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  int descriptor() const { return descriptor_.get(); }
  const sigset_t& before() const { return before_; }

  std::optional<signalfd_siginfo> next() const {
    signalfd_siginfo signal{};
    if (::read(descriptor_.get(), &signal, sizeof signal) != sizeof signal) return std::nullopt;
    return signal;
  }

 private:
  sigset_t before_{};
  Descriptor descriptor_;
};

struct Rank {
  pid_t pid = -1;
  Descriptor err;  // the end of a pipe from which its standard error is read
  bool ended = false;
};

class Launcher {
 public:
  Launcher(const RankLaunch& launch, std::ostream& err) : launch_(launch), err_(err), lines_(err) {}

  ~Launcher() {
    for (const Rank& rank : ranks_) {
      if (rank.ended) continue;
      ::kill(rank.pid, SIGKILL);
      ::waitpid(rank.pid, nullptr, 0);
    }
  }
  Launcher(const Launcher&) = delete;
  Launcher& operator=(const Launcher&) = delete;

  int run() {
    const int port = free_port();
    for (int rank = 0; rank < launch_.ranks; ++rank) start(rank, port);
    while (is_running()) {
      wait_for_news();
      pass_signals_on();
      collect_ends();
      hurry();
    }
    for (std::size_t rank = 0; rank < ranks_.size(); ++rank) read_lines(rank);
    lines_.finish();
    if (!killed_.empty()) err_ << killed_ << std::flush;
    return exit_code_;
  }

 private:
  bool is_running() const {
    for (const Rank& rank : ranks_)
      if (!rank.ended) return true;
    return false;
  }

  void start(int rank, int port) {
    int pipe[2];
    if (::pipe2(pipe, O_CLOEXEC) != 0) throw system_error("a pipe");
    Rank started = {.err = Descriptor(pipe[0])};
    const Descriptor write_end(pipe[1]);
    ::fcntl(pipe[0], F_SETFL, O_NONBLOCK);

    // What the child needs is made here: between fork and exec it may not allocate.
    std::vector<std::string> words = {"polaris"};
    words.insert(words.end(), launch_.arguments.begin(), launch_.arguments.end());
    std::vector<std::string> variables = environment(rank, port);
    const auto pointers = [](std::vector<std::string>& texts) {
      std::vector<char*> list;
      for (std::string& text : texts) list.push_back(text.data());
      list.push_back(nullptr);
      return list;
    };
    const std::vector<char*> arguments = pointers(words);
    const std::vector<char*> environment = pointers(variables);

    const pid_t launcher = ::getpid();
    started.pid = ::fork();
    if (started.pid < 0) throw system_error("fork");
    if (started.pid == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (::getppid() != launcher) ::_exit(EXIT_FAILURE);  // it died meanwhile
      ::pthread_sigmask(SIG_SETMASK, &signals_.before(), nullptr);
      ::dup2(pipe[1], STDERR_FILENO);
      if (rank > 0) ::dup2(::open("/dev/null", O_WRONLY), STDOUT_FILENO);
      ::execve(launch_.program.c_str(), arguments.data(), environment.data());
      ::dprintf(STDERR_FILENO, "cannot run %s: %s\n", launch_.program.c_str(),
                std::strerror(errno));
      ::_exit(static_cast<int>(ErrorCode::kIo));
    }
    ranks_.push_back(std::move(started));
  }

  std::vector<std::string> environment(int rank, int port) const {
    const std::vector<std::pair<std::string, std::string>> ours = {
        {"RANK", std::to_string(rank)},
        {"LOCAL_RANK", std::to_string(rank)},
        {"WORLD_SIZE", std::to_string(launch_.ranks)},
        {"MASTER_ADDR", "127.0.0.1"},
        {"MASTER_PORT", std::to_string(port)}};
    std::vector<std::string> variables;
    for (char** variable = environ; *variable != nullptr; ++variable) {
      const std::string_view text = *variable;
      const auto is_ours = [&](const auto& entry) {
        return text.substr(0, text.find('=')) == entry.first;
      };
      if (std::ranges::none_of(ours, is_ours)) variables.emplace_back(text);
    }
    for (const auto& [name, value] : ours) variables.push_back(name + "=" + value);
    return variables;
  }

  void wait_for_news() {
    constexpr int kWait_ms = 100;
    std::vector<pollfd> sources = {{.fd = signals_.descriptor(), .events = POLLIN}};
    for (const Rank& rank : ranks_) sources.push_back({.fd = rank.err.get(), .events = POLLIN});
    ::poll(sources.data(), sources.size(), kWait_ms);
    for (std::size_t rank = 0; rank < ranks_.size(); ++rank)
      if (sources[rank + 1].revents != 0) read_lines(rank);
    lines_.show();
  }

  void read_lines(std::size_t rank) {
    char bytes[4096];
    while (ranks_[rank].err.get() >= 0) {
      const ssize_t count = ::read(ranks_[rank].err.get(), bytes, sizeof bytes);
      if (count < 0) return;                     // nothing more for now
      if (count == 0) ranks_[rank].err.reset();  // nobody can write there any more
      lines_.add(static_cast<int>(rank), {bytes, static_cast<std::size_t>(count)});
    }
  }

  void pass_signals_on() {
    while (const auto signal = signals_.next()) {
      if (signal->ssi_signo == SIGCHLD) continue;
      interrupted_ = true;
      if (signal->ssi_code == SI_KERNEL) continue;  // of the terminal: the ranks got it too
      for (const Rank& rank : ranks_)
        if (!rank.ended) ::kill(rank.pid, static_cast<int>(signal->ssi_signo));
    }
  }

  void collect_ends() {
    for (std::size_t rank = 0; rank < ranks_.size(); ++rank) {
      int status = 0;
      if (ranks_[rank].ended || ::waitpid(ranks_[rank].pid, &status, WNOHANG) != ranks_[rank].pid)
        continue;
      ranks_[rank].ended = true;
      if (status != 0 && exit_code_ == EXIT_SUCCESS) take_first_failure(rank, status);
    }
  }

  void take_first_failure(std::size_t rank, int status) {
    if (WIFEXITED(status)) {
      exit_code_ = WEXITSTATUS(status);
    } else if (interrupted_) {
      exit_code_ = static_cast<int>(ErrorCode::kInterrupted);
    } else {
      exit_code_ = static_cast<int>(ErrorCode::kUnavailable);
      const int signal = WTERMSIG(status);
      killed_ = fmt::format("polaris: rank {} of {} was ended by signal {} ({}){}\n", rank,
                            ranks_.size(), signal, ::strsignal(signal),
                            signal == SIGKILL ? "; if nobody did that, memory ran out" : "");
    }
    // All ranks end so at the same point, which is not to be disturbed: one may still be saving.
    const auto is = [&](ErrorCode code) { return exit_code_ == static_cast<int>(code); };
    if (!is(ErrorCode::kInterrupted) && !is(ErrorCode::kBudget) && !is(ErrorCode::kGuard))
      failed_ = Clock::now();
  }

  /// Sees to it that the rest end once one has failed.
  void hurry() {
    if (!failed_) return;
    const double waited_s = std::chrono::duration<double>(Clock::now() - *failed_).count();
    const int signal = waited_s > 2 * launch_.grace_s ? SIGKILL
                       : waited_s > launch_.grace_s   ? SIGTERM
                                                      : 0;
    if (signal == 0 || signal == last_sent_) return;
    last_sent_ = signal;
    for (const Rank& rank : ranks_)
      if (!rank.ended) ::kill(rank.pid, signal);
  }

  const RankLaunch& launch_;
  std::ostream& err_;
  RankLines lines_;
  Signals signals_;
  std::vector<Rank> ranks_;
  bool interrupted_ = false;
  std::optional<Clock::time_point> failed_;  // when the first did, and not as all do
  int last_sent_ = 0;
  std::string killed_;
  int exit_code_ = EXIT_SUCCESS;
};

}  // namespace

int run_ranks(const RankLaunch& launch, std::ostream& err) { return Launcher(launch, err).run(); }

}  // namespace polaris
