// The log-probability head on the CPU (specs/performance.md, bar C6), one thread.
//
//   OMP_NUM_THREADS=1 nn_head_bench
//
// Names: scores or train/rows x vocabulary x width/type. per_row: seconds of CPU. gflops: of the
// matrix products alone, of_gemm: their share of what a product of 1024 does in the same run.
// grown_MB: how much the process's memory peaked above what inputs, weight and the weight's
// gradient take (C6: at most 350 for 2048x248320x256).
#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/randn.h>
#include <benchmark/benchmark.h>

#include <algorithm>
#include <ctime>
#include <fstream>
#include <string>

#include "nn/internal/gemm.h"
#include "nn/internal/logprob_head.h"

namespace polaris::nn {
namespace {

struct Shape {
  std::int64_t rows, vocab, width;

  double flops(bool train) const {
    return (train ? 6.0 : 2.0) * static_cast<double>(rows * vocab * width);
  }
};

const Shape kShapes[] = {{4096, 2048, 128}, {4096, 2048, 768}, {1024, 32768, 256}};
const Shape kBar = {2048, 248320, 256};

/// FLOP/s of a product of 1024, the best of a few.
double gemm_rate(at::ScalarType type) {
  const at::Tensor a = at::randn({1024, 1024}).to(type), c = at::empty({1024, 1024});
  double best = 1e9;
  for (int i = 0; i < 8; ++i) {
    const std::clock_t start = std::clock();
    gemm_nt(c, a, a);
    best = std::min(best, static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC);
  }
  return 2.0 * 1024 * 1024 * 1024 / best;
}

/// A value of /proc/self/status, bytes.
std::int64_t status(const std::string& key) {
  std::ifstream file("/proc/self/status");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(key)) return std::stoll(line.substr(key.size())) * 1024;
  }
  return 0;
}

void measure(benchmark::State& state, const Shape& s, at::ScalarType type, bool train) {
  at::set_num_threads(1);
  const at::Tensor h = at::randn({s.rows, s.width}).to(type);
  const at::Tensor targets = at::randint(s.vocab, {s.rows}, at::kLong);
  const Weight weight = {.value = at::randn({s.vocab, s.width}).mul_(0.05).to(type),
                         .gradient = at::ones({s.vocab, s.width})};
  const at::Tensor dh = at::ones(h.sizes(), h.options());
  const auto loss = [](std::int64_t, std::span<const float> logprobs, std::span<float> gradient) {
    std::transform(logprobs.begin(), logprobs.end(), gradient.begin(),
                   [](float logprob) { return -1e-3F * logprob; });
  };
  std::ofstream("/proc/self/clear_refs") << 5;  // the peak starts again from here
  const std::int64_t before = status("VmRSS:");
  for (auto _ : state) {
    if (train) {
      benchmark::DoNotOptimize(head_forward_backward(h, weight, targets, 1.0, loss, dh));
    } else {
      benchmark::DoNotOptimize(head_logprobs(h, weight.value, targets, 1.0));
    }
  }
  using benchmark::Counter;
  state.counters["grown_MB"] = static_cast<double>(status("VmHWM:") - before) * 1e-6;
  state.counters["per_row"] =
      Counter(static_cast<double>(s.rows), Counter::kIsIterationInvariantRate | Counter::kInvert);
  state.counters["gflops"] = Counter(s.flops(train) * 1e-9, Counter::kIsIterationInvariantRate);
  state.counters["of_gemm"] =
      Counter(s.flops(train) / gemm_rate(type), Counter::kIsIterationInvariantRate);
}

void add(const Shape& s, at::ScalarType type, bool train, int iterations) {
  const std::string name = std::string(train ? "train/" : "scores/") + std::to_string(s.rows) +
                           "x" + std::to_string(s.vocab) + "x" + std::to_string(s.width) +
                           (type == at::kFloat ? "/f32" : "/bf16");
  auto* registered = benchmark::RegisterBenchmark(
      name.c_str(), [=](benchmark::State& state) { measure(state, s, type, train); });
  registered->Unit(benchmark::kMillisecond);
  if (iterations > 0) registered->Iterations(iterations);
}

const bool kRegistered = [] {
  for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
    for (const bool train : {false, true}) {
      for (const Shape& shape : kShapes) add(shape, type, train, 0);
      add(kBar, type, train, 1);
    }
  }
  return true;
}();

}  // namespace
}  // namespace polaris::nn
