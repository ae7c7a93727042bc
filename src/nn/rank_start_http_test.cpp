#include <gtest/gtest.h>

#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include "base/error.h"
#include "nn/internal/rank_testing.h"
#include "nn/rendezvous.h"

// The programs are those of process_group_http_test.cpp, which is in the same binary.

namespace polaris {
namespace {

constexpr int kUnavailable = static_cast<int>(ErrorCode::kUnavailable);
constexpr int kInvalidConfig = static_cast<int>(ErrorCode::kInvalidConfig);

/// Until somebody listens there.
void wait_until_connected(int port) {
  const sockaddr_in to = {.sin_family = AF_INET,
                          .sin_port = htons(static_cast<std::uint16_t>(port)),
                          .sin_addr = {htonl(INADDR_LOOPBACK)}};
  for (bool connected = false; !connected;) {
    const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    connected = ::connect(socket, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0;
    ::close(socket);
  }
}

TEST(RankStart, ARankThatNeverComesIsNamedByAllOthersAfterTheTimeout) {
  const int port = free_port();
  const auto zero = start_rank("nothing", 5, rank_environment(0, 4, port));
  const auto two = start_rank("nothing", 5, rank_environment(2, 4, port));
  const std::string expected = fmt::format(
      "ranks 1, 3 of 4 did not come to 127.0.0.1:{} within 5 s: not started, or without "
      "a way to it; distributed.timeout_s says how long to wait\n",
      port);
  for (const auto& rank : {zero.get(), two.get()}) {
    const auto end = rank->wait();
    EXPECT_EQ(end.code, kUnavailable);
    EXPECT_EQ(end.err, expected);
  }
}

TEST(RankStart, WithoutRankZeroNobodyAnswers) {
  const int port = free_port();
  const auto end = start_rank("nothing", 1, rank_environment(1, 2, port))->wait();
  EXPECT_EQ(end.code, kUnavailable);
  EXPECT_EQ(end.err, fmt::format("nobody answers at MASTER_ADDR 127.0.0.1, MASTER_PORT {} within 1 "
                                 "s: rank 0 was not started, or it listens elsewhere; every rank "
                                 "needs the same two\n",
                                 port));
}

TEST(RankStart, ARankMayBeLateWithinTheTimeout) {
  const int port = free_port();
  const auto one = start_rank("nothing", 30, rank_environment(1, 2, port));
  std::this_thread::sleep_for(std::chrono::milliseconds(1500));
  const auto zero = start_rank("nothing", 30, rank_environment(0, 2, port));
  for (const auto& rank : {zero.get(), one.get()}) {
    const auto end = rank->wait();
    EXPECT_EQ(end.code, 0);
    EXPECT_EQ(end.err, "");
  }
}

TEST(RankStart, APortThatIsTakenIsNamed) {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_ANY)}};
  socklen_t size = sizeof address;
  auto* const bound = reinterpret_cast<sockaddr*>(&address);
  ASSERT_EQ(::bind(socket, bound, size), 0);
  ASSERT_EQ(::listen(socket, 5), 0);
  ASSERT_EQ(::getsockname(socket, bound, &size), 0);
  const int port = ntohs(address.sin_port);
  const auto end = start_rank("nothing", 3, rank_environment(0, 2, port))->wait();
  EXPECT_EQ(end.code, kInvalidConfig);
  EXPECT_EQ(
      end.err,
      fmt::format("MASTER_PORT {} is taken on this machine (another run?); choose another port\n",
                  port));

  // What listens there is not a rank 0: it accepts and says nothing.
  const auto other = start_rank("nothing", 1, rank_environment(1, 2, port))->wait();
  EXPECT_EQ(other.code, kUnavailable) << other.err;
  ::close(socket);
}

TEST(RankStart, TwoProcessesCannotBeTheSameRank) {
  const int port = free_port();
  const auto zero = start_rank("nothing", 6, rank_environment(0, 3, port));
  const auto one = start_rank("nothing", 6, rank_environment(1, 3, port));
  const auto again = start_rank("nothing", 6, rank_environment(1, 3, port));
  EXPECT_EQ(zero->wait().code, kUnavailable);
  const auto first = one->wait();
  const auto second = again->wait();
  EXPECT_NE(first.code == kInvalidConfig, second.code == kInvalidConfig);
  EXPECT_NE((first.err + second.err).find("two processes say that they are rank 1"),
            std::string::npos);
}

TEST(RankStart, AnAddressThatIsNoneIsNamed) {
  auto environment = rank_environment(1, 2, 29500);
  environment["MASTER_ADDR"] = "no.such.host.invalid";
  const auto end = start_rank("nothing", 1, environment)->wait();
  EXPECT_NE(end.err.find("no.such.host.invalid"), std::string::npos) << end.err;
  EXPECT_EQ(std::count(end.err.begin(), end.err.end(), '\n'), 1) << end.err;
}

TEST(RankStart, AStoppedRankZeroDoesNotHoldTheOthersForever) {
  const int port = free_port();
  const auto zero = start_rank("nothing", 60, rank_environment(0, 2, port));
  wait_until_connected(port);
  zero->signal(SIGSTOP);
  const auto one = start_rank("nothing", 1, rank_environment(1, 2, port))->wait();
  EXPECT_EQ(one.code, kUnavailable);
  EXPECT_EQ(one.err,
            fmt::format("something listens at MASTER_ADDR 127.0.0.1, MASTER_PORT {}, but "
                        "says nothing: rank 0 is stopped, or the port is another program's\n",
                        port));
}

TEST(RankStart, WhereTorchrunListensRankZeroDoesNot) {
  const c10d::TCPStore agent("127.0.0.1", {.port = 0, .isServer = true, .waitWorkers = false});
  for (const char* attempt : {"0", "1"}) {  // torchrun starts ranks again beside the same store
    std::vector<std::unique_ptr<RankProcess>> ranks;
    for (const int rank : {0, 1}) {
      auto environment = rank_environment(rank, 2, agent.getPort());
      environment["TORCHELASTIC_USE_AGENT_STORE"] = "True";
      environment["TORCHELASTIC_RESTART_COUNT"] = attempt;
      ranks.push_back(start_rank("gather rounds", 30, environment));
    }
    for (const auto& rank : ranks) EXPECT_EQ(rank->wait().err, "");
  }
}

}  // namespace
}  // namespace polaris
