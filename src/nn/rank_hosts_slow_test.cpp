#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/equal.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "base/error.h"
#include "nn/internal/rank_testing.h"

// Two hosts: network namespaces with a cable between them, and two ranks in each.

namespace polaris {
namespace {

void exercise(Collective& collective) {
  const int rank = collective.rank();
  for (int round = 0; round < 50; ++round) {
    const auto parts =
        collective.all_gather(std::string(static_cast<std::size_t>(rank) * 10'000, 'x'));
    for (std::size_t other = 0; other < parts.size(); ++other)
      require(parts[other].size() == other * 10'000, "the parts arrive");
    const at::Tensor values = at::arange(100'000).add(rank).to(at::kBFloat16);
    collective.broadcast(values, round % collective.size());
    require(at::equal(values, at::arange(100'000).add(round % collective.size()).to(at::kBFloat16)),
            "a broadcast");
  }
}

void forever(Collective& collective) {
  for (int round = 0;; ++round) {
    collective.barrier();
    if (round == 20) say("under way");
  }
}

[[maybe_unused]] const auto* const programs = testing::AddGlobalTestEnvironment(
    new RankPrograms({{"hosts exercise", exercise}, {"hosts forever", forever}}));

int shell(const std::string& command) { return std::system((command + " 2>/dev/null").c_str()); }

class RankHosts : public testing::Test {
 protected:
  static constexpr int kRanks = 4;

  void SetUp() override {
    for (int host : {0, 1}) {
      if (shell("ip netns add " + name(host)) != 0)
        GTEST_SKIP() << "network namespaces cannot be made here: `ip netns add` needs iproute2 and "
                        "root (CAP_SYS_ADMIN)";
    }
    const std::string cable = "c" + std::to_string(::getpid());
    ASSERT_EQ(shell("ip link add " + cable + "a netns " + name(0) + " type veth peer name " +
                    cable + "b netns " + name(1)),
              0);
    for (const int host : {0, 1}) {
      const std::string end = cable + "ab"[host];
      ASSERT_EQ(
          shell(fmt::format("ip -n {0} link set lo up && ip -n {0} addr add 10.77.0.{1}/24 dev "
                            "{2} && ip -n {0} link set {2} up",
                            name(host), host + 1, end)),
          0);
    }
    cable_end_ = cable + 'a';
  }

  void TearDown() override {
    for (const int host : {0, 1}) shell("ip netns del " + name(host));
  }

  static std::string name(int host) { return fmt::format("polaris-{}-{}", ::getpid(), host); }

  void cut_cable() const {
    ASSERT_EQ(shell("ip -n " + name(0) + " link set " + cable_end_ + " down"), 0);
  }

  /// Ranks 0 and 1 on the first host, 2 and 3 on the second.
  static std::vector<std::unique_ptr<RankProcess>> start(const std::string& program,
                                                         double timeout_s) {
    std::vector<std::unique_ptr<RankProcess>> ranks;
    const std::string self = std::filesystem::read_symlink("/proc/self/exe");
    for (int rank = 0; rank < kRanks; ++rank) {
      auto environment = rank_environment(rank, kRanks, 29500);
      environment["LOCAL_RANK"] = std::to_string(rank % 2);
      environment["MASTER_ADDR"] = "10.77.0.1";
      environment[kProgramVariable] = program;
      environment[kTimeoutVariable] = std::to_string(timeout_s);
      ranks.push_back(std::make_unique<RankProcess>(
          std::vector<std::string>{"ip", "netns", "exec", name(rank / 2), self}, environment));
    }
    return ranks;
  }

 private:
  std::string cable_end_;
};

TEST_F(RankHosts, MeetAndWorkTogether) {
  for (const auto& rank : start("hosts exercise", 60)) {
    const auto end = rank->wait();
    EXPECT_EQ(end.code, 0);
    EXPECT_EQ(end.err, "");
  }
}

TEST_F(RankHosts, ACutCableIsASilentHostOnBothSides) {
  const auto ranks = start("hosts forever", 6);
  ranks[0]->wait_for("under way");
  cut_cable();
  for (int rank = 0; rank < kRanks; ++rank) {
    const auto end = ranks[static_cast<std::size_t>(rank)]->wait();
    EXPECT_EQ(end.code, static_cast<int>(ErrorCode::kUnavailable));
    const std::string expected =
        rank < 2 ? "ranks 2, 3 of 4 have been silent for 6 s" : "ranks 0, 1 of 4 have been silent";
    EXPECT_NE(end.err.find(expected), std::string::npos) << rank << ": " << end.err;
  }
}

TEST_F(RankHosts, AHostWhoseRanksAreKilledIsNamed) {
  const auto ranks = start("hosts forever", 60);
  ranks[0]->wait_for("under way");
  // `ip netns exec` becomes the program it starts.
  ranks[2]->signal(SIGKILL);
  ranks[3]->signal(SIGKILL);
  for (const std::size_t rank : {0U, 1U}) {
    const auto end = ranks[rank]->wait();
    EXPECT_EQ(end.code, static_cast<int>(ErrorCode::kUnavailable));
    EXPECT_NE(end.err.find("ranks 2, 3 of 4 are gone"), std::string::npos) << end.err;
    EXPECT_LT(end.seconds, 30);
  }
}

}  // namespace
}  // namespace polaris
