// The optimizer's pass over memory (specs/performance.md, bar C7), one thread.
//
//   OMP_NUM_THREADS=1 nn_adamw_bench
//
// 50 million parameters. bytes_per_second: read and written; of_memcpy: over what memcpy reads and
// writes in the same run (C7, of the split master with 8-bit moments: at least 0.4); of_arithmetic:
// over the rate of the same step on 8,192 parameters in the core's cache, which is the bound where
// memory is not.
#include <ATen/Parallel.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstring>
#include <ctime>
#include <string>
#include <vector>

#include "nn/internal/adamw.h"
#include "nn/internal/gradient_norm.h"
#include "nn/kernels/moment_map.h"

namespace polaris::nn {
namespace {

constexpr std::int64_t kCount = 50'000'000;

/// Bytes per second of CPU, the best of a few.
double memcpy_rate() {
  const std::vector<char> from(4 * kCount, 1);
  std::vector<char> to(4 * kCount, 2);
  double best = 1e9;
  for (int i = 0; i < 5; ++i) {
    const std::clock_t start = std::clock();
    std::memcpy(to.data(), from.data(), from.size());
    benchmark::DoNotOptimize(to.data());
    best = std::min(best, static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC);
  }
  return 2.0 * static_cast<double>(from.size()) / best;
}

void report(benchmark::State& state, double bytes_per_element) {
  const double bytes = bytes_per_element * static_cast<double>(kCount);
  using benchmark::Counter;
  state.counters["bytes_per_second"] = Counter(bytes, Counter::kIsIterationInvariantRate);
  state.counters["of_memcpy"] = Counter(bytes / memcpy_rate(), Counter::kIsIterationInvariantRate);
}

AdamWRange random_range(std::int64_t size, bool split, at::ScalarType moments) {
  AdamWRange range = {.weight = at::randn({size}).mul_(0.02),
                      .gradient = at::randn({size}).mul_(1e-3),
                      .m = at::zeros({size}, moments),
                      .v = at::zeros({size}, moments)};
  if (moments == at::kChar) {
    constexpr std::int64_t kBlock = kernels::kMomentBlock;
    range.v = range.v.to(at::kByte);
    range.m_scale = at::zeros({(size + kBlock - 1) / kBlock});
    range.v_scale = range.m_scale.clone();
  }
  if (split) {
    range.weight = range.weight.to(at::kBFloat16);
    range.remainder = at::zeros({size}, at::kShort);
  }
  return range;
}

/// Parameters per second of CPU in the core's cache, the best of a few.
double cached_rate(bool split, at::ScalarType moments) {
  constexpr std::int64_t kCached = 8192, kTimes = 500;
  const AdamWRange range = random_range(kCached, split, moments);
  double best = 1e9;
  std::int64_t count = 0;
  for (int i = 0; i < 5; ++i) {
    const std::clock_t start = std::clock();
    for (std::int64_t j = 0; j < kTimes; ++j)
      adamw(range, {.lr = 1e-6, .weight_decay = 0.01, .step = ++count});
    best = std::min(best, static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC);
  }
  return static_cast<double>(kCached * kTimes) / best;
}

void step(benchmark::State& state, bool split, at::ScalarType moments) {
  at::set_num_threads(1);
  const AdamWRange range = random_range(kCount, split, moments);
  std::int64_t count = 0;
  for (auto _ : state) adamw(range, {.lr = 1e-6, .weight_decay = 0.01, .step = ++count});
  const double codes = 2 + 8.0 / kernels::kMomentBlock;
  const double moment_bytes = moments == at::kChar ? codes : moments == at::kFloat ? 8 : 4;
  report(state, 4 + 2 * (4 + moment_bytes));
  state.counters["of_arithmetic"] =
      benchmark::Counter(static_cast<double>(kCount) / cached_rate(split, moments),
                         benchmark::Counter::kIsIterationInvariantRate);
}

void norm(benchmark::State& state) {
  at::set_num_threads(1);
  const std::vector<at::Tensor> gradients = {at::randn({kCount})};
  for (auto _ : state) benchmark::DoNotOptimize(gradient_norm(gradients));
  report(state, 4);
}

BENCHMARK_CAPTURE(step, float32_weights_float32_moments, false, at::kFloat);
BENCHMARK_CAPTURE(step, float32_weights_bfloat16_moments, false, at::kBFloat16);
BENCHMARK_CAPTURE(step, split_master_float32_moments, true, at::kFloat);
BENCHMARK_CAPTURE(step, split_master_bfloat16_moments, true, at::kBFloat16);
BENCHMARK_CAPTURE(step, split_master_8_bit_moments, true, at::kChar);
BENCHMARK(norm);

}  // namespace
}  // namespace polaris::nn
