#include "judge/call_gate.h"

#include <gtest/gtest.h>

#include <vector>

#include "judge/budget.h"

namespace polaris {
namespace {

/// Starts calls until there is no room.
std::vector<CallGate::Wave> fill(CallGate& gate) {
  std::vector<CallGate::Wave> waves;
  while (gate.has_room()) waves.push_back(gate.start());
  return waves;
}

TEST(CallGate, AWaveOfRefusalsHalvesOnce) {
  CallGate gate(32);
  const auto first = fill(gate);
  EXPECT_EQ(first.size(), 32U);
  for (const auto wave : first) gate.overloaded(wave);
  EXPECT_EQ(gate.limit(), 16);
  for (const auto wave : fill(gate)) gate.overloaded(wave);
  EXPECT_EQ(gate.limit(), 8);
  for (int i = 0; i < 10; ++i)
    for (const auto wave : fill(gate)) gate.overloaded(wave);
  EXPECT_EQ(gate.limit(), 1) << "never none";
  EXPECT_EQ(gate.in_flight(), 0);
}

TEST(CallGate, TwentySuccessesGiveOneCallBack) {
  CallGate gate(4);
  gate.overloaded(gate.start());
  EXPECT_EQ(gate.limit(), 2);
  for (int i = 0; i < 40; ++i) {
    EXPECT_EQ(gate.limit(), 2 + i / 20);
    gate.start();
    gate.succeeded();
  }
  for (int i = 0; i < 100; ++i) {
    gate.start();
    gate.succeeded();
  }
  EXPECT_EQ(gate.limit(), 4) << "never more than configured";
}

TEST(CallGate, OtherFailuresChangeNothing) {
  CallGate gate(4);
  for (int i = 0; i < 100; ++i) {
    gate.start();
    gate.ended();
  }
  EXPECT_EQ(gate.limit(), 4);
  EXPECT_EQ(gate.in_flight(), 0);
}

TEST(CallGate, TheLongestPauseHolds) {
  CallGate gate(1);
  gate.close_until(10);
  gate.close_until(5);
  EXPECT_EQ(gate.closed_until_s(), 10);
}

TEST(Budget, HoldsWhateverIsInFlight) {
  Budget budget(1.0, 0.25);
  EXPECT_EQ(budget.reserve(0.5), Budget::Answer::kReserved);
  EXPECT_EQ(budget.reserve(0.5), Budget::Answer::kLater) << "if the first costs less it fits";
  EXPECT_EQ(budget.reserve(0.8), Budget::Answer::kNever);
  budget.settle(0.5, 0.125);
  EXPECT_EQ(budget.reserve(0.5), Budget::Answer::kReserved);
  budget.settle(0.5, 0.5);
  EXPECT_EQ(budget.spent_usd(), 0.875);
  EXPECT_EQ(budget.reserve(0.25), Budget::Answer::kNever);
  EXPECT_EQ(budget.reserve(0.125), Budget::Answer::kReserved);
}

TEST(Budget, WithoutALimitEverythingFits) {
  Budget budget(0.0, 0.0);
  EXPECT_EQ(budget.reserve(1e9), Budget::Answer::kReserved);
  budget.settle(1e9, 2.0);
  EXPECT_EQ(budget.spent_usd(), 2.0);
}

}  // namespace
}  // namespace polaris
