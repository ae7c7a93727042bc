// The token recurrence on the CPU; delta_golden_test.cpp has the numbers of other programs.
#include "nn/kernels/delta_recurrence.h"

#include <ATen/ops/randn.h>
#include <ATen/ops/stack.h>
#include <gtest/gtest.h>

#include "nn/internal/delta_testing.h"
#include "nn/kernels/isa.h"

namespace polaris::nn {
namespace {

using kernels::Isa;

TEST(DeltaRecurrence, OnTheCpuIsTheDefinitionForAnyHeadSize) {
  // Sizes that fill some vectors of every instruction set and leave columns over.
  const DeltaCase cases[] = {{{7, 1, 4}, 1, 3, 5, 1},
                             {{9}, 2, 4, 16, 35},
                             {{12, 5}, 2, 2, 33, 64},
                             {{6, 6}, 1, 1, 128, 128},
                             {{3}, 2, 2, 32, 171}};
  for (const DeltaCase& c : cases) {
    for (const Isa isa : {Isa::kPortable, Isa::kAvx2, Isa::kAvx512}) {
      SCOPED_TRACE(testing::Message() << "V " << c.value_size << ", isa " << int(isa));
      const kernels::IsaLimit limit(isa);
      const DeltaOperands x = random_operands(c);
      const DeltaOutput expected = delta_recurrence(x, c.sequences(), 0.3);
      const DeltaOutput wide = delta_recurrence_cpu(x, c.sequences(), 0.3);
      EXPECT_LT(norm_difference(wide.o, expected.o), 1e-13);
      EXPECT_LT(norm_difference(wide.final_state, expected.final_state), 1e-13);
      const DeltaOutput narrow = delta_recurrence_cpu(as_type(x, at::kFloat), c.sequences(), 0.3);
      EXPECT_LT(norm_difference(narrow.o, expected.o), 1e-6);
      EXPECT_LT(norm_difference(narrow.final_state, expected.final_state), 1e-6);
    }
  }
}

TEST(DeltaRecurrence, WithoutAStateStartsFromZero) {
  const DeltaCase c{{4, 3}, 1, 2, 8, 6};
  DeltaOperands zero = as_type(random_operands(c), at::kFloat);
  zero.h0 = zero.h0 * 0;
  DeltaOperands none = zero;
  none.h0 = at::Tensor();
  for (const auto& call : {delta_recurrence, delta_recurrence_cpu}) {
    const DeltaOutput expected = call(zero, c.sequences(), 1.0);
    const DeltaOutput actual = call(none, c.sequences(), 1.0);
    EXPECT_TRUE(actual.o.equal(expected.o));
    EXPECT_TRUE(actual.final_state.equal(expected.final_state));
  }
}

/// Three sequences of four tokens, decoded side by side in a slab of five slots. q, k and v are
/// parts of one row, as the convolution leaves them.
class DeltaStep : public testing::Test {
 protected:
  static constexpr std::int64_t kSlots[] = {4, 0, 2};

  DeltaStep() : c_{{4, 4, 4}, 2, 4, 16, 24}, x_(as_type(random_operands(c_), at::kFloat)) {
    slab_ = at::randn({5, 4, 16, 24});
    for (std::int64_t i = 0; i < 3; ++i) slab_[kSlots[i]].copy_(x_.h0[i]);
  }

  /// Token t of every sequence: [sequences, ...].
  at::Tensor tokens(const at::Tensor& x, std::int64_t t) const {
    return at::stack({x[t], x[4 + t], x[8 + t]}).contiguous();
  }

  /// @param split  work items of the first of two calls
  at::Tensor step(std::int64_t t, std::int64_t split) {
    const std::int64_t keys = 2 * 16;
    const std::int64_t values = 4 * 24;
    const at::Tensor rows = at::randn({3, 2 * keys + values + 5});
    rows.narrow(1, 0, keys).copy_(tokens(x_.q, t).view({3, keys}));
    rows.narrow(1, keys, keys).copy_(tokens(x_.k, t).view({3, keys}));
    rows.narrow(1, 2 * keys, values).copy_(tokens(x_.v, t).view({3, values}));
    const at::Tensor g = tokens(x_.g, t);
    const at::Tensor beta = tokens(x_.beta, t);
    at::Tensor o = at::randn({3, 4, 24});
    const auto* row = rows.const_data_ptr<float>();
    const kernels::DeltaTokens<float> in{.key_heads = 2,
                                         .value_heads = 4,
                                         .key_size = 16,
                                         .value_size = 24,
                                         .scale = 0.25F,
                                         .q = row,
                                         .k = row + keys,
                                         .key_stride = rows.size(1),
                                         .v = row + 2 * keys,
                                         .value_stride = rows.size(1),
                                         .g = g.const_data_ptr<float>(),
                                         .beta = beta.const_data_ptr<float>(),
                                         .o = o.mutable_data_ptr<float>()};
    auto* states = slab_.mutable_data_ptr<float>();
    kernels::delta_step(in, states, kSlots, 0, split);
    kernels::delta_step(in, states, kSlots, split, 12);
    return o;
  }

  DeltaCase c_;
  DeltaOperands x_;
  at::Tensor slab_;
};

TEST_F(DeltaStep, TokenByTokenIsTheWholeSequenceBitForBit) {
  const DeltaOutput whole = delta_recurrence_cpu(x_, c_.sequences(), 0.25);
  for (std::int64_t t = 0; t < 4; ++t)
    EXPECT_TRUE(step(t, 12).equal(tokens(whole.o, t))) << "token " << t;
  for (std::int64_t i = 0; i < 3; ++i)
    EXPECT_TRUE(slab_[kSlots[i]].equal(whole.final_state[i])) << "sequence " << i;
}

TEST_F(DeltaStep, LeavesOtherSlotsAlone) {
  const at::Tensor before = slab_.clone();
  step(0, 12);
  for (const std::int64_t slot : {1, 3}) EXPECT_TRUE(slab_[slot].equal(before[slot])) << slot;
}

TEST_F(DeltaStep, IsTheSameHoweverTheWorkIsDivided) {
  const at::Tensor before = slab_.clone();
  const at::Tensor o = step(0, 12);
  const at::Tensor after = slab_.clone();
  for (const std::int64_t split : {0, 1, 6, 11}) {
    slab_.copy_(before);
    EXPECT_TRUE(step(0, split).equal(o)) << split;
    EXPECT_TRUE(slab_.equal(after)) << split;
  }
}

}  // namespace
}  // namespace polaris::nn
