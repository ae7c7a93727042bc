// The form that kernels for a GPU have on the CPU, and what happens where they cannot be queued.
#include "nn/cuda/blocks.h"

#include <ATen/Context.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <vector>

#include "base/error.h"
#include "nn/cuda/adamw_blocks.h"
#include "nn/cuda/launch.h"

namespace polaris::cuda {
namespace {

/// Numbers whose sum depends on the order.
std::vector<float> awkward(int count) {
  std::vector<float> x;
  for (int i = 0; i < count; ++i) x.push_back(std::sin(static_cast<float>(i) + 0.5F));
  return x;
}

/// x[0] + x[1] + .. as shuffles add them: each half to the other, down to one.
float in_halves(std::vector<float> x) {
  for (std::size_t half = x.size() / 2; half > 0; half /= 2)
    for (std::size_t i = 0; i < half; ++i) x[i] += x[i + half];
  return x[0];
}

TEST(HostBlock, AddsInTheOrderOfShuffles) {
  const std::vector<float> x = awkward(256);
  std::vector<float> warps;
  for (auto warp = x.begin(); warp != x.end(); warp += 32)
    warps.push_back(in_halves({warp, warp + 32}));
  const auto lane = [&](int i) { return x[static_cast<std::size_t>(i)]; };
  EXPECT_EQ(HostBlock<256>().sum(lane), in_halves(warps));
  EXPECT_EQ(HostBlock<32>().sum(lane), warps[0]);
  float one_by_one = 0;
  for (int i = 0; i < 32; ++i) one_by_one += lane(i);
  EXPECT_EQ(HostBlock<32>().sum_in_order(lane), one_by_one);
  EXPECT_NE(one_by_one, warps[0]) << "numbers for which the order does not matter";
}

ErrorCode code_of(const auto& work, const std::string& text) {
  try {
    work();
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find(text), std::string::npos) << e.what();
    return e.code();
  }
  ADD_FAILURE() << "nothing was thrown";
  return ErrorCode::kIo;
}

TEST(Launch, ItsErrorsNameTheKernel) {
  EXPECT_EQ(code_of([] { throw_launch_error("adamw", "no memory", true); }, "adamw: no memory"),
            ErrorCode::kOutOfMemory);
  EXPECT_EQ(code_of([] { throw_launch_error("adamw", "refused", false); }, "adamw: refused"),
            ErrorCode::kInternal);
}

TEST(Launch, IsRefusedWithoutAGpu) {
  if (at::hasCUDA()) GTEST_SKIP() << "there is one";
  const auto launch = [] { queue(SumOfSquares<float>{}, 1, nullptr); };
  EXPECT_EQ(code_of(launch, ""), ErrorCode::kInternal);
}

}  // namespace
}  // namespace polaris::cuda
