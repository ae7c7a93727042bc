// The gated delta rule on the CPU (specs/performance.md, bars C3 and C4).
//
//   OMP_NUM_THREADS=1 nn_delta_bench
//
// per_token: of one layer. gflops: multiply-adds of A.6 at the chunk length used; of_sgemm: their
// share of what a matrix product of 1024 does in the same run, C4 for chunks_train/1x1024_8x128.
// C3 is recurrence_train over chunks_train.
#include <ATen/ops/mm.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/randn.h>
#include <benchmark/benchmark.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <cmath>
#include <ctime>
#include <numeric>
#include <vector>

#include "nn/internal/delta_rule.h"
#include "nn/kernels/delta_recurrence.h"

namespace polaris::nn {
namespace {

struct Shape {
  std::int64_t sequences, length, key_heads, value_heads, head_size, chunk_length;

  PackedSequences packed() const {
    return PackedSequences(std::vector<std::int64_t>(sequences, length));
  }
  double scale() const { return 1.0 / std::sqrt(static_cast<double>(head_size)); }
};

constexpr Shape kLong{1, 1024, 8, 8, 128, 64};  // C3, C4
constexpr Shape kSmall{8, 512, 2, 4, 32, 32};   // the model of size S
constexpr Shape kDecode{20, 1, 2, 4, 32, 32};
constexpr Shape kDecodeLarge{4, 1, 16, 32, 128, 64};

DeltaOperands operands(const Shape& s, bool gradients) {
  const std::int64_t tokens = s.sequences * s.length;
  const auto keys = [&] {
    const at::Tensor x = at::randn({tokens, s.key_heads, s.head_size});
    return x.div(x.norm(2, {-1}, true)).requires_grad_(gradients);
  };
  const at::Tensor q = keys();
  const at::Tensor k = keys();
  return {.q = q,
          .k = k,
          .v = at::randn({tokens, s.value_heads, s.head_size}).requires_grad_(gradients),
          .g = at::rand({tokens, s.value_heads}).mul_(-0.2).requires_grad_(gradients),
          .beta = at::rand({tokens, s.value_heads}).requires_grad_(gradients)};
}

/// Multiply-adds of A.6 times 2.
double flops(const Shape& s, bool with_backward) {
  const auto c = static_cast<double>(s.chunk_length);
  const auto d = static_cast<double>(s.head_size);
  const double chunks = std::ceil(static_cast<double>(s.length) / c) *
                        static_cast<double>(s.sequences * s.value_heads);
  const double forward = 4 * c * c * d + 3 * c * d * d + c * c * c / 3;
  const double backward = 8 * c * c * d + 6 * c * d * d;
  return 2 * chunks * (forward + (with_backward ? backward : 0));
}

/// FLOP/s of a product of 1024, the best of some; by processor time, as the benchmarks are.
double sgemm_rate() {
  static const double rate = [] {
    constexpr std::int64_t n = 1024;
    const at::Tensor a = at::randn({n, n});
    std::clock_t best = CLOCKS_PER_SEC;
    for (int i = 0; i < 30; ++i) {
      const std::clock_t start = std::clock();
      benchmark::DoNotOptimize(at::mm(a, a));
      best = std::min(best, std::clock() - start);
    }
    return 2.0 * n * n * n * CLOCKS_PER_SEC / static_cast<double>(best);
  }();
  return rate;
}

void report_per_token(benchmark::State& state, const Shape& s) {
  using benchmark::Counter;
  state.counters["per_token"] = Counter(static_cast<double>(s.sequences * s.length),
                                        Counter::kIsIterationInvariantRate | Counter::kInvert);
}

void report(benchmark::State& state, const Shape& s, bool with_backward) {
  using benchmark::Counter;
  const auto rate = Counter::kIsIterationInvariantRate;
  const double work = flops(s, with_backward);
  state.counters["gflops"] = Counter(work * 1e-9, rate);
  state.counters["of_sgemm"] = Counter(work / sgemm_rate(), rate);
  report_per_token(state, s);
}

void sgemm(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(sgemm_rate());
  state.counters["gflops"] = sgemm_rate() * 1e-9;
}
BENCHMARK(sgemm)->Name("Sgemm/1024")->Iterations(1);

void chunks_forward(benchmark::State& state, Shape s) {
  const DeltaOperands x = operands(s, false);
  const DeltaPlan plan(s.packed(), at::kCPU, s.chunk_length);
  for (auto _ : state) benchmark::DoNotOptimize(delta_rule(x, plan, s.scale()));
  report(state, s, false);
}
BENCHMARK_CAPTURE(chunks_forward, 1x1024_8x128, kLong)
    ->Unit(benchmark::kMillisecond)
    ->MeasureProcessCPUTime();
BENCHMARK_CAPTURE(chunks_forward, 8x512_4x32, kSmall)
    ->Unit(benchmark::kMillisecond)
    ->MeasureProcessCPUTime();

/// Forward and backward.
template <class Call>
void train(benchmark::State& state, const Shape& s, Call&& call) {
  const DeltaOperands x = operands(s, true);
  const at::Tensor d_o = at::randn(x.v.sizes());
  const std::vector<at::Tensor> inputs{x.q, x.k, x.v, x.g, x.beta};
  for (auto _ : state) benchmark::DoNotOptimize(torch::autograd::grad({call(x).o}, inputs, {d_o}));
  report(state, s, true);
}

void chunks_train(benchmark::State& state, Shape s) {
  const DeltaPlan plan(s.packed(), at::kCPU, s.chunk_length);
  train(state, s, [&](const DeltaOperands& x) { return delta_rule(x, plan, s.scale()); });
}
BENCHMARK_CAPTURE(chunks_train, 1x1024_8x128, kLong)
    ->Unit(benchmark::kMillisecond)
    ->MeasureProcessCPUTime();
BENCHMARK_CAPTURE(chunks_train, 8x512_4x32, kSmall)
    ->Unit(benchmark::kMillisecond)
    ->MeasureProcessCPUTime();

void recurrence_train(benchmark::State& state, Shape s) {
  const PackedSequences packed = s.packed();
  train(state, s, [&](const DeltaOperands& x) { return delta_recurrence(x, packed, s.scale()); });
}
BENCHMARK_CAPTURE(recurrence_train, 1x1024_8x128, kLong)
    ->Unit(benchmark::kMillisecond)
    ->MeasureProcessCPUTime();

/// One token for every sequence; a layer.
void decode(benchmark::State& state, Shape s) {
  const DeltaOperands x = operands(s, false);
  at::Tensor states = at::randn({s.sequences, s.value_heads, s.head_size, s.head_size});
  at::Tensor o = at::randn(x.v.sizes());
  std::vector<std::int64_t> slots(s.sequences);
  std::iota(slots.begin(), slots.end(), 0);
  const kernels::DeltaTokens<float> tokens{.key_heads = s.key_heads,
                                           .value_heads = s.value_heads,
                                           .key_size = s.head_size,
                                           .value_size = s.head_size,
                                           .scale = static_cast<float>(s.scale()),
                                           .q = x.q.const_data_ptr<float>(),
                                           .k = x.k.const_data_ptr<float>(),
                                           .key_stride = x.k.stride(0),
                                           .v = x.v.const_data_ptr<float>(),
                                           .value_stride = x.v.stride(0),
                                           .g = x.g.const_data_ptr<float>(),
                                           .beta = x.beta.const_data_ptr<float>(),
                                           .o = o.mutable_data_ptr<float>()};
  for (auto _ : state)
    kernels::delta_step(tokens, states.mutable_data_ptr<float>(), slots.data(), 0,
                        s.sequences * s.value_heads);
  report_per_token(state, s);
  state.SetBytesProcessed(state.iterations() * states.numel() * 8);  // read and written
}
BENCHMARK_CAPTURE(decode, 20_sequences_4x32, kDecode);
BENCHMARK_CAPTURE(decode, 4_sequences_32x128, kDecodeLarge);

}  // namespace
}  // namespace polaris::nn
