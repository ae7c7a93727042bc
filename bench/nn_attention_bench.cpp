// Attention within sequences on the CPU, one thread, and ATen's flash attention on the same
// numbers.
//
//   OMP_NUM_THREADS=1 nn_attention_bench
//
// Names: ours or flash/sequences x length/query heads / key heads x width/forward or backward.
// per_token: seconds of CPU for one layer. gflops: of the products that a causal mask leaves over.
#include <ATen/Parallel.h>
#include <ATen/ops/_scaled_dot_product_flash_attention_for_cpu.h>
#include <ATen/ops/_scaled_dot_product_flash_attention_for_cpu_backward.h>
#include <ATen/ops/randn.h>
#include <benchmark/benchmark.h>

#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "nn/internal/attention_cpu.h"

namespace polaris::nn {
namespace {

struct Shape {
  std::int64_t sequences, length, heads, kv_heads, width;

  std::int64_t tokens() const { return sequences * length; }
  double scale() const { return 1 / std::sqrt(static_cast<double>(width)); }
};

const Shape kShapes[] = {{64, 64, 4, 2, 32},  {8, 512, 4, 2, 32},  {2, 2048, 4, 2, 32},
                         {8, 512, 8, 2, 32},  {8, 512, 12, 3, 64}, {2, 2048, 12, 3, 64},
                         {1, 512, 16, 4, 256}};

struct Operands {
  at::Tensor q, k, v, upstream;
};

struct Sides {
  std::function<void()> forward, backward;
};
using Maker = Sides (*)(const Shape&, const Operands&);

Sides ours(const Shape& s, const Operands& x) {
  std::vector<AttentionSpan> spans;
  for (std::int64_t i = 0; i < s.sequences; ++i)
    spans.push_back({i * s.length, s.length, i * s.length, s.length});
  const AttentionProblem problem = {x.q, x.k, x.v, spans, s.length, s.scale()};
  const at::Tensor logsumexps = attention_forward(problem).logsumexps;
  return {[=] { attention_forward(problem); },
          [=] { attention_backward(problem, x.upstream, logsumexps); }};
}

Sides flash(const Shape& s, const Operands& x) {
  struct Sequence {
    at::Tensor q, k, v, upstream, o, logsumexps;
  };
  std::vector<Sequence> sequences;
  for (std::int64_t i = 0; i < s.sequences; ++i) {
    const auto rows = [&](const at::Tensor& y) {
      return y.narrow(0, i * s.length, s.length).transpose(0, 1).unsqueeze(0);
    };
    Sequence one = {rows(x.q), rows(x.k), rows(x.v), rows(x.upstream)};
    std::tie(one.o, one.logsumexps) =
        at::_scaled_dot_product_flash_attention_for_cpu(one.q, one.k, one.v, 0.0, true);
    sequences.push_back(one);
  }
  return {[=] {
            for (const Sequence& y : sequences)
              at::_scaled_dot_product_flash_attention_for_cpu(y.q, y.k, y.v, 0.0, true);
          },
          [=] {
            for (const Sequence& y : sequences)
              at::_scaled_dot_product_flash_attention_for_cpu_backward(
                  y.upstream, y.q, y.k, y.v, y.o, y.logsumexps, 0.0, true);
          }};
}

void measure(benchmark::State& state, const Shape& s, Maker make, bool backward) {
  at::set_num_threads(1);
  const Operands operands = {
      at::randn({s.tokens(), s.heads, s.width}), at::randn({s.tokens(), s.kv_heads, s.width}),
      at::randn({s.tokens(), s.kv_heads, s.width}), at::randn({s.tokens(), s.heads, s.width})};
  const Sides sides = make(s, operands);
  for (auto _ : state) (backward ? sides.backward : sides.forward)();
  using benchmark::Counter;
  state.counters["per_token"] = Counter(static_cast<double>(s.tokens()),
                                        Counter::kIsIterationInvariantRate | Counter::kInvert);
  const double products = backward ? 5 : 2;
  state.counters["gflops"] =
      Counter(products * 1e-9 * static_cast<double>(s.tokens() * s.length * s.heads * s.width),
              Counter::kIsIterationInvariantRate);
}

const bool kRegistered = [] {
  for (const Shape& s : kShapes) {
    for (const bool backward : {false, true}) {
      for (const auto& [side, make] :
           {std::pair<const char*, Maker>{"ours", ours}, {"flash", flash}}) {
        const std::string name = std::string(side) + "/" + std::to_string(s.sequences) + "x" +
                                 std::to_string(s.length) + "/" + std::to_string(s.heads) + ":" +
                                 std::to_string(s.kv_heads) + "x" + std::to_string(s.width) +
                                 (backward ? "/backward" : "/forward");
        benchmark::RegisterBenchmark(name.c_str(), [=, made = make](benchmark::State& state) {
          measure(state, s, made, backward);
        })->Unit(benchmark::kMillisecond);
      }
    }
  }
  return true;
}();

}  // namespace
}  // namespace polaris::nn
