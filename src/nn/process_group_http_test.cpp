#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>

#include "base/error.h"
#include "nn/fake_collective.h"
#include "nn/internal/rank_testing.h"
#include "nn/process_group.h"

namespace polaris {
namespace {

/// What rank `rank` contributes to round `round`: its length differs from rank to rank and is 0 for
/// some.
std::string part_of(int rank, int round) {
  std::string part(static_cast<std::size_t>((rank * 7919 + round * 104'729) % 5000 / (rank + 1)),
                   'x');
  for (std::size_t i = 0; i < part.size(); ++i)
    part[i] = static_cast<char>(i * 31 + static_cast<std::size_t>(rank + round));
  return (rank + round) % 3 == 0 ? "" : part;
}

void gather_rounds(Collective& collective) {
  for (int round = 0; round < 300; ++round) {
    const auto parts = collective.all_gather(part_of(collective.rank(), round));
    for (int rank = 0; rank < collective.size(); ++rank)
      require(parts.at(static_cast<std::size_t>(rank)) == part_of(rank, round), "the parts arrive");
  }
}

void gather_large(Collective& collective) {
  constexpr std::size_t kBytes = 150'000'000;
  const std::string own(collective.rank() == 1 ? kBytes : 3,
                        static_cast<char>('a' + collective.rank()));
  const auto parts = collective.all_gather(own);
  require(parts.at(0) == "aaa" && parts.at(1) == std::string(kBytes, 'b'), "large parts arrive");
}

void move_tensors(Collective& collective) {
  const int rank = collective.rank();
  const int last = collective.size() - 1;
  for (const auto type :
       {at::kFloat, at::kBFloat16, at::kChar, at::kDouble, at::kBool, at::kLong}) {
    const at::Tensor values = at::arange(1000).add(rank).to(type).view({10, 100});
    collective.broadcast(values, last);
    require(at::equal(values, at::arange(1000).add(last).to(type).view({10, 100})), "a broadcast");
  }
  const at::Tensor scalar = at::full({}, rank, at::kFloat);
  collective.broadcast(scalar, last);
  require(at::equal(scalar, at::full({}, last, at::kFloat)), "a broadcast of one number");
  collective.broadcast(at::empty({0}), 0);

  for (const auto type : {at::kFloat, at::kDouble}) {
    // Element [to, i] of what rank r sends is 1000 r + 100 to + i.
    const auto row_of = [&](int from, int to) {
      return at::arange(50, type) + 1000 * from + 100 * to;
    };
    const at::Tensor send = at::empty({collective.size(), 50}, type);
    const at::Tensor receive = at::zeros({collective.size(), 50}, type);
    for (int to = 0; to < collective.size(); ++to) send[to].copy_(row_of(rank, to));
    collective.all_to_all(send, receive);
    for (int from = 0; from < collective.size(); ++from)
      require(at::equal(receive[from], row_of(from, rank)), "rows are exchanged");
  }
}

/// Numbers whose sum depends on the order in which they are added.
std::vector<double> addends(int rank) {
  std::vector<double> values;
  for (int i = 0; i < 1000; ++i)
    values.push_back(std::sin(i + rank * 1.7) * std::pow(10.0, i % 17));
  return values;
}

/// All bits of the numbers.
std::string digits_of(std::span<const double> values) {
  std::string digits;
  for (const double value : values)
    digits += fmt::format("{:016x}", std::bit_cast<std::uint64_t>(value));
  return digits;
}

void sum(Collective& collective) {
  auto values = addends(collective.rank());
  collective.all_reduce_sum(values);
  say("sum " + digits_of(values));
}

/// One rank after the other is late, within the timeout.
void delays(Collective& collective) {
  for (int round = 0; round < 6; ++round) {
    if (round % collective.size() == collective.rank())
      std::this_thread::sleep_for(std::chrono::milliseconds(300));
    collective.barrier();
  }
}

void forever(Collective& collective) {
  const at::Tensor values = at::zeros({100'000});
  for (int round = 0;; ++round) {
    collective.all_gather(part_of(collective.rank(), round));
    collective.broadcast(values, round % collective.size());
    if (round == 20) say("under way");
  }
}

/// Rank 0 computes while the others wait, longer than a dead rank is listened for.
void one_busy(Collective& collective) {
  collective.barrier();
  say("under way");
  if (collective.rank() == 0) std::this_thread::sleep_for(std::chrono::seconds(6));
  collective.barrier();
}

void one_fails(Collective& collective) {
  collective.barrier();
  if (collective.rank() == 1) throw Error(ErrorCode::kIo, "the disk is full");
  collective.barrier();
}

/// A rank that uses the group after the error gets the error again, at once.
void twice(Collective& collective) {
  try {
    forever(collective);
  } catch (const Error& first) {
    try {
      collective.barrier();
    } catch (const Error& second) {
      require(std::string(first.what()) == second.what(), "the error stays the same");
    }
    throw;
  }
}

void different_calls(Collective& collective) {
  if (collective.rank() == 0)
    collective.broadcast(at::zeros({3}), 0);
  else
    collective.barrier();
}

void different_shapes(Collective& collective) {
  collective.broadcast(at::zeros({collective.rank() + 1}), 0);
}

[[maybe_unused]] const auto* const programs =
    testing::AddGlobalTestEnvironment(new RankPrograms({{"gather rounds", gather_rounds},
                                                        {"gather large", gather_large},
                                                        {"move tensors", move_tensors},
                                                        {"sum", sum},
                                                        {"delays", delays},
                                                        {"forever", forever},
                                                        {"one busy", one_busy},
                                                        {"one fails", one_fails},
                                                        {"twice", twice},
                                                        {"different calls", different_calls},
                                                        {"different shapes", different_shapes},
                                                        {"nothing", [](Collective&) {}}}));

void expect_success(RankGroup ranks) {
  for (const auto& end : ranks.wait()) {
    EXPECT_EQ(end.code, 0);
    EXPECT_EQ(end.err, "");
  }
}

constexpr int kUnavailable = static_cast<int>(ErrorCode::kUnavailable);
const std::string kGoOn = "the same command goes on from the last checkpoint";

class ProcessGroupOf : public testing::TestWithParam<int> {};

TEST_P(ProcessGroupOf, GathersBytesOfAnyLengthRoundAfterRound) {
  expect_success(RankGroup(GetParam(), "gather rounds"));
}

TEST_P(ProcessGroupOf, MovesTensorsOfAnyType) {
  expect_success(RankGroup(GetParam(), "move tensors"));
}

TEST_P(ProcessGroupOf, WaitsForRanksThatAreLate) {
  expect_success(RankGroup(GetParam(), "delays"));
}

TEST_P(ProcessGroupOf, AddsInTheOrderOfRanksToTheLastBit) {
  const int size = GetParam();
  FakeRendezvous rendezvous(size, 10);
  std::string expected = "sum ";
  on_ranks(rendezvous, [&](Collective& collective) {
    auto values = addends(collective.rank());
    collective.all_reduce_sum(values);
    if (collective.rank() == 0) expected += digits_of(values);
  });
  for (const auto& end : RankGroup(size, "sum").wait()) EXPECT_EQ(end.err, expected + '\n');
}

INSTANTIATE_TEST_SUITE_P(Ranks, ProcessGroupOf, testing::Values(2, 3));

TEST(ProcessGroup, GathersManyMegabytes) { expect_success(RankGroup(2, "gather large")); }

TEST(ProcessGroup, EndsInGoodOrderWhoeverEndsFirst) {
  for (int round = 0; round < 3; ++round) expect_success(RankGroup(3, "nothing"));
}

TEST(ProcessGroup, AKilledRankIsNamedOnAllOthersWithinSeconds) {
  for (const int killed : {0, 2}) {
    RankGroup ranks(3, "twice", 60);
    ranks[killed].wait_for("under way");
    ranks[killed].signal(SIGKILL);
    for (int rank = 0; rank < 3; ++rank) {
      const auto end = ranks[rank].wait();
      if (rank == killed) continue;
      EXPECT_EQ(end.code, kUnavailable);
      EXPECT_EQ(end.err,
                fmt::format("under way\nrank {} of 3 is gone (the process was killed, or the "
                            "machine or the network is down); {}\n",
                            killed, kGoOn));
      EXPECT_LT(end.seconds, 20);
    }
  }
}

TEST(ProcessGroup, ARankThatIsBusyWhenAnotherDiesIsNotTakenForDead) {
  RankGroup ranks(3, "one busy", 60);
  for (int rank = 0; rank < 3; ++rank) ranks[rank].wait_for("under way");
  ranks[1].signal(SIGKILL);
  for (const int rank : {0, 2}) {
    const auto end = ranks[rank].wait();
    EXPECT_EQ(end.code, kUnavailable);
    EXPECT_NE(end.err.find("rank 1 of 3 is gone"), std::string::npos) << end.err;
  }
}

TEST(ProcessGroup, AStoppedRankIsNamedOnAllOthersAfterTheTimeout) {
  std::vector<RankGroup> groups;  // in group g rank g is stopped
  for (int group = 0; group < 2; ++group) groups.emplace_back(3, "forever", 6);
  for (int group = 0; group < 2; ++group) {
    RankProcess& stopped = groups[static_cast<std::size_t>(group)][group];
    stopped.wait_for("under way");
    stopped.signal(SIGSTOP);
  }
  for (int group = 0; group < 2; ++group) {
    RankGroup& ranks = groups[static_cast<std::size_t>(group)];
    for (int rank = 0; rank < 3; ++rank) {
      if (rank == group) continue;
      const auto end = ranks[rank].wait();
      EXPECT_EQ(end.code, kUnavailable);
      EXPECT_EQ(end.err,
                fmt::format("under way\nrank {} of 3 has been silent for 6 s (stopped, or the "
                            "machine or the network is gone); {}; distributed.timeout_s says how "
                            "long ranks wait for each other\n",
                            group, kGoOn));
    }
    // It wakes up, finds the others gone, and ends as well.
    ranks[group].signal(SIGCONT);
    EXPECT_EQ(ranks[group].wait().code, kUnavailable);
  }
}

TEST(ProcessGroup, ARankThatTakesTooLongIsSaidToRun) {
  RankGroup ranks(3, "one busy", 4);
  for (const auto& end : ranks.wait()) {
    EXPECT_EQ(end.code, kUnavailable);
    EXPECT_NE(end.err.find("rank 0 of 3 runs, but did not come to the others within 4 s"),
              std::string::npos)
        << end.err;
  }
}

TEST(ProcessGroup, ARankThatFailsByItselfIsSaidToHaveItsOwnReason) {
  RankGroup ranks(3, "one fails", 60);
  const auto ends = ranks.wait();
  EXPECT_EQ(ends[1].err, "the disk is full\n");
  for (const int rank : {0, 2}) {
    EXPECT_EQ(ends[static_cast<std::size_t>(rank)].code, kUnavailable);
    EXPECT_EQ(ends[static_cast<std::size_t>(rank)].err,
              "rank 1 of 3 has ended before the others, for a reason of its own; " + kGoOn + '\n');
  }
}

TEST(ProcessGroup, RanksThatDoDifferentThingsAreABug) {
  for (const char* program : {"different calls", "different shapes"}) {
    for (const auto& end : RankGroup(2, program).wait())
      EXPECT_EQ(end.code, static_cast<int>(ErrorCode::kInternal)) << end.err;
  }
}

}  // namespace
}  // namespace polaris
