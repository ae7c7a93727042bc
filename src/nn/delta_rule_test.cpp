// What the chunked delta rule promises; delta_golden_test.cpp has the numbers of other programs,
// delta_gradient_test.cpp the gradients.
#include "nn/internal/delta_rule.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/ones.h>
#include <c10/core/GradMode.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>

#include "base/error.h"
#include "nn/internal/delta_chunks.h"
#include "nn/internal/delta_testing.h"
#include "nn/internal/run_blocks.h"

namespace polaris::nn {
namespace {

constexpr double kScale = 0.2;
constexpr double kFloatTolerance = 2e-6;
constexpr double kTf32Tolerance = 5e-3;

DeltaCall chunked(const DeltaCase& c, std::int64_t chunk_length = 64) {
  return [plan = DeltaPlan(c.sequences(), at::kCPU, chunk_length)](const DeltaOperands& x) {
    return delta_rule(x, plan, kScale);
  };
}
DeltaCall recurrence(const DeltaCase& c) {
  return [c](const DeltaOperands& x) { return delta_recurrence(x, c.sequences(), kScale); };
}

void expect_close(const DeltaResult& actual, const DeltaResult& expected, double tolerance) {
  EXPECT_LT(norm_difference(actual.output.o, expected.output.o), tolerance);
  EXPECT_LT(norm_difference(actual.output.final_state, expected.output.final_state), tolerance);
  const auto wanted = expected.gradients();
  for (std::size_t i = 0; const auto& [name, tensor] : actual.gradients())
    EXPECT_LT(norm_difference(tensor, wanted[i++].second), tolerance) << name;
}
void expect_same_bits(const DeltaResult& actual, const DeltaResult& expected) {
  EXPECT_TRUE(actual.output.o.equal(expected.output.o));
  EXPECT_TRUE(actual.output.final_state.equal(expected.output.final_state));
  const auto wanted = expected.gradients();
  for (std::size_t i = 0; const auto& [name, tensor] : actual.gradients())
    EXPECT_TRUE(tensor.equal(wanted[i++].second)) << name;
}

struct Arithmetic {
  const char* name;
  at::DeviceType device;
  at::ScalarType type;
  double tolerance;
  /// Not what delta_rule() would choose, but the form of other devices.
  bool tensor_operations = false;
  bool gpu_kernels = false;
};

class DeltaRule : public testing::TestWithParam<Arithmetic> {
 protected:
  void SetUp() override {
    if (GetParam().device == at::kCUDA && !at::hasCUDA()) GTEST_SKIP() << "no CUDA device";
    at::manual_seed(1);
  }

  /// The chunked form in the arithmetic of the test; results on the CPU.
  DeltaResult run(const DeltaCase& c, const DeltaOperands& x, const DeltaOutput& d,
                  std::int64_t chunk_length) const {
    std::optional<GpuKernelsOnCpu> gpu_kernels;
    if (GetParam().gpu_kernels) gpu_kernels.emplace();
    const DeltaPlan plan(c.sequences(), GetParam().device, chunk_length);
    const auto there = [&](const at::Tensor& t) {
      return t.to(at::device(GetParam().device).dtype(GetParam().type));
    };
    const DeltaOperands operands = mapped(x, there);
    const DeltaOutput upstream{there(d.o), there(d.final_state)};
    if (GetParam().tensor_operations) {
      DeltaSaved saved;
      const DeltaForm form = delta_form_tensors();
      const DeltaOutput output = form.forward(operands, plan, kScale, &saved);
      return {output, form.backward(operands, plan, kScale, saved, upstream)};
    }
    const DeltaResult result = run_with_gradient(
        [&](const DeltaOperands& leaves) { return delta_rule(leaves, plan, kScale); }, operands,
        upstream);
    return {{result.output.o.cpu(), result.output.final_state.cpu()},
            mapped(result.gradient, [](const at::Tensor& t) { return t.cpu(); })};
  }
};

TEST_P(DeltaRule, IsTheRecurrence) {
  const DeltaCase cases[] = {{{1}, 1, 1, 1, 1},
                             {{130, 1, 17, 64}, 2, 6, 24, 40},
                             {{300, 31}, 3, 3, 32, 32},
                             {{70, 129}, 1, 2, 128, 64},
                             {{65}, 2, 2, 16, 100}};
  for (const DeltaCase& c : cases) {
    const DeltaOperands x = random_operands(c);
    const DeltaOutput d = random_upstream(c);
    const DeltaResult expected = run_with_gradient(recurrence(c), x, d);
    for (const std::int64_t chunk_length : {16, 48, 64}) {
      SCOPED_TRACE(testing::Message() << "K " << c.key_size << ", chunk " << chunk_length);
      expect_close(run(c, x, d, chunk_length), expected, GetParam().tolerance);
    }
  }
}

// The sums of g reach thousands here; what survives between two tokens must not drown in them.
TEST_P(DeltaRule, StaysAccurateUnderExtremeDecay) {
  const DeltaCase c{{150}, 1, 2, 16, 16};
  DeltaOperands x = random_operands(c, 0.1);
  const DeltaOutput d = random_upstream(c);
  for (std::int64_t t = 0; t < 150; t += 3) x.g[t].fill_(-30.0);
  expect_close(run(c, x, d, 64), run_with_gradient(recurrence(c), x, d), GetParam().tolerance);
}

TEST_P(DeltaRule, IsFiniteWhenNothingSurvives) {
  const DeltaCase c{{100}, 1, 1, 16, 16};
  DeltaOperands x = random_operands(c);
  x.g.fill_(-30.0);
  const DeltaResult result = run(c, x, random_upstream(c), 64);
  EXPECT_LT(norm_difference(result.output.o, delta_recurrence(x, c.sequences(), kScale).o), 1e-6);
  for (const auto& [name, tensor] : result.gradients())
    EXPECT_TRUE(tensor.isfinite().all().item<bool>()) << name;
}

// L is full of entries near 1; powers of it would be enormous (A.5).
TEST_P(DeltaRule, StaysAccurateWhenKeysRepeat) {
  const DeltaCase c{{256}, 1, 2, 32, 16};
  DeltaOperands x = random_operands(c, 0.001);
  const DeltaOutput d = random_upstream(c);
  x.beta = x.beta * 0.001 + 0.998;
  for (const std::int64_t period : {1, 2}) {
    SCOPED_TRACE(period);
    for (std::int64_t t = period; t < 256; ++t) x.k[t].copy_(x.k[t - period]);
    const DeltaResult expected = run_with_gradient(recurrence(c), x, d);
    for (const std::int64_t chunk_length : {64, 128})
      expect_close(run(c, x, d, chunk_length), expected, 10 * GetParam().tolerance);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Arithmetics, DeltaRule,
    testing::Values(
        Arithmetic{"CpuDouble", at::kCPU, at::kDouble, 1e-11},
        Arithmetic{"CpuFloat", at::kCPU, at::kFloat, kFloatTolerance},
        Arithmetic{"CpuFloatTensorOperations", at::kCPU, at::kFloat, kFloatTolerance, true},
        Arithmetic{"CpuFloatAsOnAGpu", at::kCPU, at::kFloat, kFloatTolerance, false, true},
        Arithmetic{"CudaDouble", at::kCUDA, at::kDouble, 1e-11},
        Arithmetic{"CudaFloat", at::kCUDA, at::kFloat, kTf32Tolerance}),
    [](const auto& info) { return std::string(info.param.name); });

const DeltaCase kMixed{{130, 1, 17, 64, 200}, 2, 4, 32, 24};

DeltaOperands mixed_operands() { return as_type(random_operands(kMixed), at::kFloat); }

TEST(DeltaRuleOnTheCpu, IsTheSameForAnyNumberOfThreads) {
  const DeltaOperands x = mixed_operands();
  const DeltaOutput d = random_upstream(kMixed);
  const int before = at::get_num_threads();
  at::set_num_threads(1);
  const DeltaResult one = run_with_gradient(chunked(kMixed), x, d);
  at::set_num_threads(2);
  const DeltaResult two = run_with_gradient(chunked(kMixed), x, d);
  at::set_num_threads(before);
  expect_same_bits(two, one);
}

TEST(DeltaRuleOnTheCpu, IsTheSameWithAndWithoutGradients) {
  const DeltaOperands x = mixed_operands();
  const DeltaResult with = run_with_gradient(chunked(kMixed), x, random_upstream(kMixed));
  const DeltaOutput without = chunked(kMixed)(x);
  EXPECT_FALSE(without.o.requires_grad());
  EXPECT_TRUE(without.o.equal(with.output.o));
  EXPECT_TRUE(without.final_state.equal(with.output.final_state));
}

TEST(DeltaRuleOnTheCpu, KeepsNoGraphWhereGradientsAreOff) {
  const DeltaOperands x =
      mapped(mixed_operands(), [](const at::Tensor& t) { return t.requires_grad_(); });
  const c10::NoGradGuard off;
  EXPECT_FALSE(chunked(kMixed)(x).o.requires_grad());
}

TEST(DeltaRuleOnTheCpu, GivesASequenceTheSameResultWhateverIsPackedBesideIt) {
  const DeltaOperands x = mixed_operands();
  const DeltaOutput d = random_upstream(kMixed);
  const DeltaResult packed = run_with_gradient(chunked(kMixed), x, d);
  for (std::int64_t i = 0; i < kMixed.sequences().count(); ++i) {
    SCOPED_TRACE(i);
    DeltaCase alone = kMixed;
    alone.lengths = {kMixed.lengths[i]};
    const auto rows = [&](const at::Tensor& t) {
      return t.narrow(0, kMixed.sequences().begin(i), kMixed.lengths[i]);
    };
    const auto part = [&](const DeltaOperands& all) {
      return DeltaOperands{rows(all.q), rows(all.k),    rows(all.v),
                           rows(all.g), rows(all.beta), all.h0.narrow(0, i, 1)};
    };
    expect_same_bits(
        run_with_gradient(chunked(alone), part(x), {rows(d.o), d.final_state.narrow(0, i, 1)}),
        {{rows(packed.output.o), packed.output.final_state.narrow(0, i, 1)},
         part(packed.gradient)});
  }
}

TEST(DeltaRuleOnTheCpu, GoesOnFromTheStateOfAnEarlierPiece) {
  const DeltaCase whole{{200}, 2, 4, 32, 24};
  const DeltaOperands x = as_type(random_operands(whole), at::kFloat);
  const DeltaOutput d = random_upstream(whole);
  const DeltaResult expected = run_with_gradient(chunked(whole), x, d);
  for (const std::int64_t first : {64, 50}) {
    const auto in_pieces = [&](const DeltaOperands& all) {
      const auto piece = [&](std::int64_t begin, std::int64_t length, const at::Tensor& state) {
        const DeltaOperands part =
            mapped(DeltaOperands{all.q, all.k, all.v, all.g, all.beta},
                   [&](const at::Tensor& t) { return t.narrow(0, begin, length); });
        DeltaCase c = whole;
        c.lengths = {length};
        return chunked(c)({part.q, part.k, part.v, part.g, part.beta, state});
      };
      const DeltaOutput a = piece(0, first, all.h0);
      const DeltaOutput b = piece(first, 200 - first, a.final_state);
      return DeltaOutput{at::cat({a.o, b.o}), b.final_state};
    };
    const DeltaResult actual = run_with_gradient(in_pieces, x, d);
    if (first == 64) {  // pieces of whole chunks: the same arithmetic
      expect_same_bits(actual, expected);
    } else {
      expect_close(actual, expected, kFloatTolerance);
    }
  }
}

TEST(DeltaRuleOnTheCpu, ComputesBfloat16InputsInFloat32) {
  const DeltaOperands half = as_type(random_operands(kMixed), at::kBFloat16);
  const DeltaOutput d = random_upstream(kMixed);
  const DeltaResult rounded = run_with_gradient(chunked(kMixed), half, d);
  const DeltaResult exact = run_with_gradient(chunked(kMixed), as_type(half, at::kFloat), d);
  EXPECT_EQ(rounded.output.o.scalar_type(), at::kFloat);
  EXPECT_EQ(rounded.gradient.v.scalar_type(), at::kBFloat16);
  expect_same_bits(rounded, {exact.output, as_type(exact.gradient, at::kBFloat16)});
}

TEST(DeltaRuleOnTheCpu, ReadsOperandsWhoseRowsLieApart) {
  const DeltaOperands x = mixed_operands();
  const auto apart = [](const at::Tensor& t) {
    return at::cat({at::ones_like(t), t}, 1).narrow(1, t.size(1), t.size(1));
  };
  const DeltaOutput d = random_upstream(kMixed);
  DeltaOperands strided = mapped(x, apart);
  ASSERT_FALSE(strided.v.is_contiguous());
  expect_same_bits(run_with_gradient(chunked(kMixed), strided, d),
                   run_with_gradient(chunked(kMixed), x, d));
}

TEST(DeltaRuleOnTheCpu, RefusesShapesThatDoNotFit) {
  const DeltaOperands good = mixed_operands();
  const auto expect_refused = [&](auto&& spoil) {
    DeltaOperands x = good;
    spoil(x);
    EXPECT_THROW(chunked(kMixed)(x), Error);
  };
  EXPECT_NO_THROW(chunked(kMixed)(good));
  expect_refused([](DeltaOperands& x) { x.q = x.q.narrow(0, 1, x.q.size(0) - 1); });
  expect_refused([](DeltaOperands& x) { x.k = x.k.narrow(2, 0, 8); });
  expect_refused([](DeltaOperands& x) { x.v = x.v.narrow(1, 0, 3); });
  expect_refused([](DeltaOperands& x) { x.g = x.g.unsqueeze(0); });
  expect_refused([](DeltaOperands& x) { x.beta = x.beta.narrow(1, 0, 2); });
  expect_refused([](DeltaOperands& x) { x.h0 = x.h0.transpose(2, 3); });
}

}  // namespace
}  // namespace polaris::nn
