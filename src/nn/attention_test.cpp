#include "nn/internal/attention.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros_like.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <cmath>

#include "base/error.h"
#include "nn/kernels/isa.h"

namespace polaris::nn {
namespace {

struct Case {
  std::int64_t heads, kv_heads, width;
  std::vector<std::int64_t> lengths;
  std::optional<std::int64_t> window;

  PackedSequences sequences() const { return PackedSequences(lengths); }
  double scale() const { return 1 / std::sqrt(static_cast<double>(width)); }
};

const Case kGrouped = {4, 2, 32, {5, 1, 64, 130}, {}};

std::vector<Case> cases() {
  return {kGrouped,
          {3, 3, 16, {300}, {}},
          {8, 1, 8, {17, 33}, {}},
          {12, 3, 64, {70}, {}},
          {160, 1, 4, {9}, {}},  // more heads in a group than rows in a tile
          {4, 2, 32, {5, 1, 64, 330}, 7},
          {2, 2, 16, {400}, 64},
          {2, 2, 16, {100}, 100},
          {2, 2, 16, {100}, 1000}};
}

/// q, k, v and an upstream gradient, float64.
struct Tensors {
  at::Tensor q, k, v, upstream;

  explicit Tensors(const Case& c) {
    at::manual_seed(7);
    const std::int64_t tokens = c.sequences().tokens();
    q = at::randn({tokens, c.heads, c.width}, at::kDouble);
    k = at::randn({tokens, c.kv_heads, c.width}, at::kDouble);
    v = at::randn({tokens, c.kv_heads, c.width}, at::kDouble);
    upstream = at::randn(q.sizes(), at::kDouble);
  }

  /// As the type holds them, for the definition in double to start from the same numbers.
  Tensors rounded(at::ScalarType type) const {
    Tensors r = *this;
    for (at::Tensor* x : {&r.q, &r.k, &r.v, &r.upstream}) *x = x->to(type).to(at::kDouble);
    return r;
  }
};

/// The result and the gradients of q, k and v, in the order o, dq, dk, dv.
template <class Attention>
std::vector<at::Tensor> run(const Attention& attention, const Case& c, const Tensors& tensors,
                            at::ScalarType type, at::DeviceType device = at::kCPU) {
  std::vector<at::Tensor> inputs;
  for (const at::Tensor& x : {tensors.q, tensors.k, tensors.v})
    inputs.push_back(x.to(device).to(type).detach().requires_grad_(true));
  const at::Tensor o =
      attention(inputs[0], inputs[1], inputs[2], c.sequences(), c.window, c.scale());
  std::vector<at::Tensor> results =
      torch::autograd::grad({o}, inputs, {tensors.upstream.to(device).to(type)});
  results.insert(results.begin(), o.detach());
  return results;
}

double relative_error(const at::Tensor& actual, const at::Tensor& expected) {
  const at::Tensor difference = actual.cpu().to(at::kDouble) - expected.cpu();
  return difference.norm().item<double>() / expected.norm().item<double>();
}

/// Sets the number of threads for a while.
class Threads {
 public:
  explicit Threads(int count) { at::set_num_threads(count); }
  ~Threads() { at::set_num_threads(before_); }
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;

 private:
  int before_ = at::get_num_threads();
};

TEST(PackedAttention, CompositeIsTheDefinitionWrittenAsLoops) {
  for (const Case& c : cases()) {
    const Tensors x(c);
    const at::Tensor o =
        composite::packed_attention(x.q, x.k, x.v, c.sequences(), c.window, c.scale());
    const PackedSequences sequences = c.sequences();
    const auto q = x.q.accessor<double, 3>(), k = x.k.accessor<double, 3>();
    const auto v = x.v.accessor<double, 3>(), actual = o.accessor<double, 3>();
    for (std::int64_t s = 0; s < sequences.count(); ++s) {
      for (std::int64_t i = sequences.begin(s); i < sequences.begin(s) + sequences.length(s); ++i) {
        for (std::int64_t h = 0; h < c.heads; ++h) {
          const std::int64_t g = h / (c.heads / c.kv_heads);
          std::vector<double> expected(c.width);
          double sum = 0;
          for (std::int64_t j = sequences.begin(s); j <= i; ++j) {
            if (i - j >= c.window.value_or(1 << 30)) continue;
            double score = 0;
            for (std::int64_t d = 0; d < c.width; ++d) score += q[i][h][d] * k[j][g][d];
            const double p = std::exp(score * c.scale());
            sum += p;
            for (std::int64_t d = 0; d < c.width; ++d) expected[d] += p * v[j][g][d];
          }
          for (std::int64_t d = 0; d < c.width; ++d)
            ASSERT_NEAR(actual[i][h][d], expected[d] / sum, 1e-12);
        }
      }
    }
  }
}

TEST(PackedAttention, CompositeHasTheGradientsOfFiniteDifferences) {
  const Case c = {4, 2, 3, {2, 6}, 3};
  const Tensors x(c);
  const std::vector<at::Tensor> gradients = run(composite::packed_attention, c, x, at::kDouble);
  const auto loss = [&](const Tensors& at) {
    return (composite::packed_attention(at.q, at.k, at.v, c.sequences(), c.window, c.scale()) *
            x.upstream)
        .sum()
        .item<double>();
  };
  for (int which = 0; which < 3; ++which) {
    Tensors up(c), down(c);
    at::Tensor* const raised[] = {&up.q, &up.k, &up.v};
    at::Tensor* const lowered[] = {&down.q, &down.k, &down.v};
    const at::Tensor direction = at::randn(raised[which]->sizes(), at::kDouble);
    constexpr double kStep = 1e-5;
    *raised[which] = *raised[which] + kStep * direction;
    *lowered[which] = *lowered[which] - kStep * direction;
    const double expected = (loss(up) - loss(down)) / (2 * kStep);
    EXPECT_NEAR((gradients[1 + which] * direction).sum().item<double>(), expected, 1e-8);
  }
}

TEST(PackedAttention, AgreesWithTheDefinitionInEveryTypeAndInstructionSet) {
  for (const Case& c : cases()) {
    SCOPED_TRACE(testing::Message() << c.heads << '/' << c.kv_heads << " x " << c.width << ", "
                                    << c.lengths.back() << ", window " << c.window.value_or(0));
    const Tensors x(c);
    // Rounding of sums in float32, and of results and upstream gradients to bfloat16.
    for (const auto& [type, bound] : {std::pair(at::kFloat, 2e-6), {at::kBFloat16, 3e-3}}) {
      const auto expected = run(composite::packed_attention, c, x.rounded(type), at::kDouble);
      for (const auto isa : {kernels::Isa::kPortable, kernels::Isa::kAvx2, kernels::Isa::kAvx512}) {
        const kernels::IsaLimit limit(isa);
        const auto actual = run(packed_attention, c, x, type);
        for (std::size_t i = 0; i < actual.size(); ++i) {
          EXPECT_EQ(actual[i].scalar_type(), type);
          EXPECT_LT(relative_error(actual[i], expected[i]), bound) << i;
        }
      }
    }
  }
}

TEST(PackedAttention, TokenThatSeesOnlyItselfTakesItsValue) {
  for (const Case& c : {Case{4, 2, 32, {5, 1, 330}, 1}, Case{4, 2, 32, {1, 1}, {}}}) {
    const Tensors x(c);
    const auto results = run(packed_attention, c, x, at::kFloat);
    EXPECT_LT((results[0] - x.v.repeat_interleave(2, 1)).abs().max().item<double>(), 1e-6);
    for (const int query_or_key : {1, 2})  // one score decides nothing
      EXPECT_LT(results[query_or_key].abs().max().item<double>(), 1e-5);
  }
}

TEST(PackedAttention, AGpuAgreesWithTheDefinition) {
  if (!at::hasCUDA()) GTEST_SKIP() << "no CUDA device";
  std::vector<Case> all = cases();
  all.push_back({16, 4, 256, {300, 7, 129}, {}});  // Qwen3.5's heads
  all.push_back({4, 2, 256, {300, 129}, 100});
  for (const Case& c : all) {
    SCOPED_TRACE(testing::Message() << c.heads << '/' << c.kv_heads << " x " << c.width << ", "
                                    << c.lengths.back() << ", window " << c.window.value_or(0));
    const Tensors x(c);
    // FlashAttention rounds the probabilities to bfloat16.
    for (const auto& [type, bound] : {std::pair(at::kFloat, 1e-5), {at::kBFloat16, 1e-2}}) {
      const auto expected = run(composite::packed_attention, c, x.rounded(type), at::kDouble);
      const auto actual = run(packed_attention, c, x, type, at::kCUDA);
      const auto again = run(packed_attention, c, x, type, at::kCUDA);
      for (std::size_t i = 0; i < actual.size(); ++i) {
        EXPECT_LT(relative_error(actual[i], expected[i]), bound) << i;
        EXPECT_TRUE(actual[i].equal(again[i])) << i;
      }
    }
  }
}

TEST(PackedAttention, ThreadsDoNotChangeBits) {
  for (const Case& c : {kGrouped, Case{4, 2, 32, {2048}, {}}, Case{1, 1, 64, {700}, 128}}) {
    for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
      const Tensors x(c);
      std::vector<std::vector<at::Tensor>> results;
      for (const int count : {1, 2, 3}) {
        const Threads threads(count);
        results.push_back(run(packed_attention, c, x, type));
      }
      for (std::size_t i = 0; i < results[0].size(); ++i) {
        EXPECT_TRUE(at::equal(results[0][i], results[1][i])) << i;
        EXPECT_TRUE(at::equal(results[0][i], results[2][i])) << i;
      }
    }
  }
}

TEST(PackedAttention, NeighboursDoNotChangeASequence) {
  const Tensors x(kGrouped);
  const auto all = run(packed_attention, kGrouped, x, at::kFloat);
  const PackedSequences sequences = kGrouped.sequences();
  for (std::int64_t s = 0; s < sequences.count(); ++s) {
    const auto own = [&](const at::Tensor& y) {
      return y.narrow(0, sequences.begin(s), sequences.length(s));
    };
    Case alone = kGrouped;
    alone.lengths = {sequences.length(s)};
    Tensors part = x;
    for (at::Tensor* y : {&part.q, &part.k, &part.v, &part.upstream}) *y = own(*y);
    const auto results = run(packed_attention, alone, part, at::kFloat);
    for (std::size_t i = 0; i < results.size(); ++i)
      EXPECT_TRUE(at::equal(results[i], own(all[i]))) << s << ' ' << i;
  }
}

TEST(PackedAttention, TakesViewsOfWiderTensors) {
  const Tensors x(kGrouped);
  const auto expected = run(packed_attention, kGrouped, x, at::kFloat);
  const auto through_views = [](const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                                const auto&... rest) {
    const auto wide = [](const at::Tensor& y) {  // every head with as much again behind it
      const at::Tensor storage = at::zeros_like(y).repeat({1, 2, 2});
      storage.narrow(1, 0, y.size(1)).narrow(2, 0, y.size(2)).copy_(y);
      return storage.narrow(1, 0, y.size(1)).narrow(2, 0, y.size(2));
    };
    return packed_attention(wide(q), wide(k), wide(v), rest...);
  };
  const auto actual = run(through_views, kGrouped, x, at::kFloat);
  for (std::size_t i = 0; i < actual.size(); ++i)
    EXPECT_LT(relative_error(actual[i], expected[i].to(at::kDouble)), 1e-6) << i;
}

TEST(PackedAttention, LargeScoresDoNotOverflow) {
  Tensors x(kGrouped);
  x.q = x.q * 1e4;
  for (const at::Tensor& y : run(packed_attention, kGrouped, x, at::kFloat))
    EXPECT_TRUE(y.isfinite().all().item<bool>());
}

TEST(PackedAttention, RefusesShapesThatDoNotFit) {
  const Tensors x(kGrouped);
  const PackedSequences other(std::vector<std::int64_t>{3});
  EXPECT_THROW(packed_attention(x.q, x.k, x.v, other, {}, 1), Error);
  EXPECT_THROW(packed_attention(x.q, x.k, x.v, kGrouped.sequences(), 0, 1), Error);
  EXPECT_THROW(packed_attention(x.q.narrow(1, 0, 3), x.k, x.v, kGrouped.sequences(), {}, 1), Error);
  EXPECT_THROW(packed_attention(x.q, x.k.to(at::kFloat), x.v, kGrouped.sequences(), {}, 1), Error);
}

TEST(CachedAttention, ContinuesASequenceAsIfItWereReadAtOnce) {
  for (const auto& [type, bound] :
       {std::pair(at::kFloat, 1e-6), {at::kBFloat16, 3e-3}, {at::kDouble, 1e-14}}) {
    for (const std::optional<std::int64_t> window : {std::optional<std::int64_t>(), {9}}) {
      const Case c = {4, 2, 32, {150}, window};
      const Tensors x(c);
      const at::Tensor q = x.q.to(type), k = x.k.to(type), v = x.v.to(type);
      const at::Tensor expected =
          packed_attention(q, k, v, c.sequences(), c.window, c.scale()).to(at::kDouble);
      std::int64_t past = 0;
      for (const std::int64_t count : {1, 5, 1, 140, 3}) {
        // What a cache holds behind the newest token must not be read.
        at::Tensor keys = k.clone(), values = v.clone();
        keys.narrow(0, past + count, 150 - past - count).fill_(NAN);
        values.narrow(0, past + count, 150 - past - count).fill_(NAN);
        const at::Tensor o =
            cached_attention(q.narrow(0, past, count), keys, values, past, c.window, c.scale());
        EXPECT_LT(relative_error(o, expected.narrow(0, past, count)), bound) << past;
        past += count;
      }
    }
  }
}

TEST(CachedAttention, RefusesMoreTokensThanTheCacheHolds) {
  const Tensors x(kGrouped);
  EXPECT_THROW(cached_attention(x.q, x.k, x.v, 1, {}, 1), Error);
}

}  // namespace
}  // namespace polaris::nn
