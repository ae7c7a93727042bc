#include "nn/internal/norm.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/randn.h>
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "base/error.h"
#include "weights/float_formats.h"

namespace polaris::nn {
namespace {

constexpr double kEps = 1e-6;

float bf16(double x) { return float_from_bf16(bf16_from_float(static_cast<float>(x))); }

std::vector<float> values(const at::Tensor& x) {
  const at::Tensor flat = x.to(at::kFloat).contiguous();
  return {flat.const_data_ptr<float>(), flat.const_data_ptr<float>() + flat.numel()};
}

double inverse_rms(const std::vector<float>& row) {
  double squares = 0.0;
  for (const float x : row) squares += double{x} * x;
  return 1.0 / std::sqrt(squares / static_cast<double>(row.size()) + kEps);
}

/// Elements that differ: a float32 sum may put a value on the other side of a tie.
std::int64_t differing(const std::vector<float>& a, const std::vector<float>& b) {
  std::int64_t count = 0;
  for (std::size_t i = 0; i < a.size(); ++i) count += a[i] != b[i];
  return count;
}

class Rounding : public testing::Test {
 protected:
  static constexpr std::int64_t kWidth = 2000;
  Rounding() { at::manual_seed(3); }
  at::Tensor x = at::randn({1, kWidth}).to(at::kBFloat16);
  at::Tensor z = at::randn({1, 1, kWidth}).to(at::kBFloat16);
  Weight weight{.value = at::randn({kWidth})};
};

TEST_F(Rounding, ComesAfterAZeroCentredWeight) {
  const auto row = values(x), w = values(weight.value);
  const double r = inverse_rms(row);
  std::vector<float> expected;
  for (std::size_t i = 0; i < row.size(); ++i) expected.push_back(bf16(row[i] * r * (1.0 + w[i])));
  const at::Tensor y = rms_norm(x, weight, {.eps = kEps, .zero_centred = true});
  EXPECT_LE(differing(values(y), expected), 1);
}

TEST_F(Rounding, ComesBeforeAndAfterAPlainWeight) {
  const auto row = values(x), w = values(weight.value);
  const double r = inverse_rms(row);
  std::vector<float> expected;
  for (std::size_t i = 0; i < row.size(); ++i) expected.push_back(bf16(bf16(row[i] * r) * w[i]));
  const at::Tensor y = rms_norm(x, weight, {.eps = kEps, .zero_centred = false});
  EXPECT_LE(differing(values(y), expected), 1);
}

TEST_F(Rounding, ComesBeforeTheWeightAndTheGateOfTheGatedNorm) {
  const at::Tensor o = at::randn({1, 1, kWidth});
  const auto row = values(o), gate = values(z), w = values(weight.value);
  const double r = inverse_rms(row);
  std::vector<float> expected;
  for (std::size_t i = 0; i < row.size(); ++i) {
    const double silu = gate[i] / (1.0 + std::exp(-double{gate[i]}));
    expected.push_back(bf16(bf16(row[i] * r) * double{w[i]} * silu));
  }
  EXPECT_LE(differing(values(gated_rms_norm(o, z, weight, kEps)), expected), 1);
}

TEST_F(Rounding, OfAResidualComesBeforeItsNorm) {
  const at::Tensor delta = at::randn({1, kWidth}).to(at::kBFloat16);
  const NormStyle style{.eps = kEps, .zero_centred = true};
  const NormedSum out = add_rms_norm(x, delta, weight, style);
  const auto a = values(x), b = values(delta);
  std::vector<float> sum;
  for (std::size_t i = 0; i < a.size(); ++i) sum.push_back(bf16(a[i] + b[i]));
  EXPECT_EQ(values(out.sum), sum);
  EXPECT_TRUE(out.normed.equal(rms_norm(out.sum, weight, style)));
}

TEST(RmsNorm, RefusesAWeightOfAnotherSizeOrType) {
  const at::Tensor x = at::randn({3, 40}), delta = at::randn({3, 40});
  const Weight longer{.value = at::randn({41})};
  const Weight narrow{.value = at::randn({40}).to(at::kBFloat16)};
  EXPECT_THROW(rms_norm(x, longer, {}), Error);
  EXPECT_THROW(rms_norm(x, narrow, {}), Error);
  EXPECT_THROW(add_rms_norm(x, delta, narrow, {}), Error);
  EXPECT_THROW(add_rms_norm(x, delta.narrow(0, 0, 2), {.value = at::randn({40})}, {}), Error);
  EXPECT_THROW(gated_rms_norm(x.unsqueeze(1), x.unsqueeze(1), longer, kEps), Error);
}

TEST(RmsNorm, KeepsNotANumber) {
  const at::Tensor x = at::randn({1, 40});
  x.mutable_data_ptr<float>()[7] = NAN;
  const at::Tensor y = rms_norm(x, {.value = at::randn({40})}, {});
  for (const float value : values(y)) EXPECT_TRUE(std::isnan(value));
}

}  // namespace
}  // namespace polaris::nn
