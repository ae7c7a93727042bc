// Gradients of the chunked delta rule, beyond what delta_rule_test.cpp compares with the
// recurrence.
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros_like.h>
#include <gtest/gtest.h>

#include <random>

#include "nn/internal/delta_testing.h"

namespace polaris::nn {
namespace {

constexpr double kScale = 0.3;

DeltaCall chunked(const DeltaCase& c) {
  return [plan = DeltaPlan(c.sequences(), at::kCPU, 16)](const DeltaOperands& x) {
    return delta_rule(x, plan, kScale);
  };
}

TEST(DeltaGradient, IsTheSlopeOfFiniteDifferences) {
  at::manual_seed(2);
  const DeltaCase c{{37, 5}, 2, 4, 8, 6};
  const DeltaOperands x = random_operands(c);
  const DeltaOutput d = random_upstream(c);
  const auto value = [&](const DeltaOperands& at) {
    const DeltaOutput out = chunked(c)(at);
    return ((out.o * d.o).sum() + (out.final_state * d.final_state).sum()).item<double>();
  };
  const DeltaResult result = run_with_gradient(chunked(c), x, d);
  constexpr double kStep = 1e-5;
  const std::pair<const char*, at::Tensor DeltaOperands::*> fields[] = {
      {"q", &DeltaOperands::q}, {"k", &DeltaOperands::k},       {"v", &DeltaOperands::v},
      {"g", &DeltaOperands::g}, {"beta", &DeltaOperands::beta}, {"h0", &DeltaOperands::h0}};
  for (const auto& [name, field] : fields) {
    for (int direction = 0; direction < 3; ++direction) {
      const at::Tensor along = at::randn((x.*field).sizes(), (x.*field).options());
      DeltaOperands ahead = x;
      DeltaOperands behind = x;
      ahead.*field = x.*field + kStep * along;
      behind.*field = x.*field - kStep * along;
      const double slope = (value(ahead) - value(behind)) / (2 * kStep);
      const double expected = (result.gradient.*field * along).sum().item<double>();
      EXPECT_NEAR(slope, expected, 1e-7 * std::abs(expected) + 1e-8) << name;
    }
  }
}

class DeltaGradientOf : public testing::TestWithParam<at::ScalarType> {
 protected:
  DeltaCase c_{{70, 3}, 1, 2, 16, 16};
  DeltaOperands x_ = as_type(random_operands(c_), GetParam());
  DeltaOutput d_ = random_upstream(c_);
};

TEST_P(DeltaGradientOf, OneOutputIsThatWithZeroForTheOther) {
  const auto expect_same = [&](const DeltaOutput& partial, const DeltaOutput& filled) {
    const auto actual = run_with_gradient(chunked(c_), x_, partial).gradients();
    const auto expected = run_with_gradient(chunked(c_), x_, filled).gradients();
    for (std::size_t i = 0; i < actual.size(); ++i)
      EXPECT_TRUE(actual[i].second.equal(expected[i].second)) << actual[i].first;
  };
  expect_same({d_.o, {}}, {d_.o, at::zeros_like(d_.final_state)});
  expect_same({{}, d_.final_state}, {at::zeros_like(d_.o), d_.final_state});
}

TEST_P(DeltaGradientOf, OperandsThatWantNoneIsLeftOut) {
  DeltaOperands x = mapped(x_, [](const at::Tensor& t) { return t.detach().clone(); });
  x.v.requires_grad_();
  const DeltaOutput out = chunked(c_)(x);
  torch::autograd::backward({out.o}, {d_.o.to(out.o.scalar_type())});
  EXPECT_TRUE(x.v.grad().equal(run_with_gradient(chunked(c_), x_, {d_.o, {}}).gradient.v));
  EXPECT_FALSE(x.q.grad().defined());
}

TEST_P(DeltaGradientOf, BetaOfZeroIsFinite) {
  x_.beta.fill_(0.0);
  const DeltaResult result = run_with_gradient(chunked(c_), x_, d_);
  for (const auto& [name, tensor] : result.gradients())
    EXPECT_TRUE(tensor.isfinite().all().item<bool>()) << name;
}

INSTANTIATE_TEST_SUITE_P(Types, DeltaGradientOf, testing::Values(at::kDouble, at::kFloat),
                         [](const auto& info) {
                           return std::string(info.param == at::kDouble ? "Double" : "Float");
                         });

}  // namespace
}  // namespace polaris::nn
