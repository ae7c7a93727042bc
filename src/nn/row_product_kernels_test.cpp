#include "nn/kernels/row_product_kernels.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <string>
#include <vector>

#include "base/random.h"
#include "nn/kernels/simd.h"

namespace polaris::kernels {
namespace {

constexpr std::array kIsas = {Isa::kPortable, Isa::kAvx2, Isa::kAvx512, Isa::kAvx512Bf16};
constexpr float kCanary = 77.0F;

using Floats = std::vector<float>;

Floats random_floats(std::int64_t count, std::uint64_t seed) {
  RandomStream random({.seed = seed});
  Floats values;
  for (std::int64_t i = 0; i < count; ++i) values.push_back(static_cast<float>(random.normal()));
  return values;
}

/// y = x W^T by the kernels, with `rows` rows at a time; one more element behind y.
Floats multiply(const RowProductKernels& kernels, Floats x, std::int64_t rows, const Floats& w,
                std::int64_t columns, std::int64_t k) {
  const std::int64_t panels = (columns + kernels.panel - 1) / kernels.panel;
  std::vector<std::byte> packed(panels * kernels.panel_bytes(k));
  kernels.pack(w.data(), columns, k, packed.data(), 0, panels);
  Floats y(rows * columns + 1, kCanary);
  if (kernels.prepare != nullptr) kernels.prepare(x.data(), rows, k);
  kernels.multiply(x.data(), rows, k, packed.data(), y.data(), columns, 0, panels);
  return y;
}

/// What a storage makes of x and W, in double.
struct Storage {
  std::string name;
  RowProductKernels RowProducts::*kernels;
  Floats (*of_x)(Floats);
  Floats (*of_w)(Floats, std::int64_t k);
};

Floats as_bfloat16(Floats values) {
  for (float& x : values) x = rounded<Bf16>(x);
  return values;
}

Floats in_steps(Floats w, std::int64_t k) {
  for (std::size_t row = 0; row < w.size(); row += k) {
    float largest = 0;
    for (std::int64_t i = 0; i < k; ++i) largest = std::max(largest, std::abs(w[row + i]));
    for (std::int64_t i = 0; i < k; ++i) {
      float& x = w[row + i];
      x = std::nearbyint(x * (127.0F / largest)) * (largest / 127.0F);
    }
  }
  return w;
}

const std::array kStorages = {
    Storage{"float32", &RowProducts::f32, [](Floats x) { return x; },
            [](Floats w, std::int64_t) { return w; }},
    Storage{"bfloat16", &RowProducts::bf16, as_bfloat16,
            [](Floats w, std::int64_t) { return as_bfloat16(std::move(w)); }},
    Storage{"int8", &RowProducts::int8, [](Floats x) { return x; }, in_steps}};

class RowProductsOfStorage : public testing::TestWithParam<std::size_t> {
 protected:
  const Storage& storage() const { return kStorages.at(GetParam()); }
  RowProductKernels kernels() const { return row_products().*storage().kernels; }
};

TEST_P(RowProductsOfStorage, AreTheirDefinitionInDoubleWhateverTheSizes) {
  for (const Isa isa : kIsas) {
    const IsaLimit limit(isa);
    for (const std::int64_t rows : {1, 2, 3, 5, 8, 13, 24, 31}) {
      for (const std::int64_t columns : {1, 31, 64, 65, 200}) {
        for (const std::int64_t k : {1, 2, 7, 64}) {
          const Floats x = random_floats(rows * k, rows), w = random_floats(columns * k, columns);
          const Floats y = multiply(kernels(), x, rows, w, columns, k);
          const Floats read_x = storage().of_x(x), read_w = storage().of_w(w, k);
          for (std::int64_t r = 0; r < rows; ++r) {
            for (std::int64_t j = 0; j < columns; ++j) {
              double sum = 0;
              for (std::int64_t i = 0; i < k; ++i)
                sum += double{read_x[r * k + i]} * read_w[j * k + i];
              ASSERT_NEAR(y[r * columns + j], sum, 3e-5) << rows << " " << columns << " " << k;
            }
          }
          ASSERT_EQ(y.back(), kCanary);
        }
      }
    }
  }
}

TEST_P(RowProductsOfStorage, OfARowAreTheSameBitsBesideOthersAndInAnyPart) {
  for (const Isa isa : kIsas) {
    const IsaLimit limit(isa);
    const RowProductKernels kernels = this->kernels();
    const std::int64_t rows = 21, columns = 5 * kernels.panel + 3, k = 37;
    const Floats x = random_floats(rows * k, 1), w = random_floats(columns * k, 2);
    const Floats y = multiply(kernels, x, rows, w, columns, k);
    for (std::int64_t count = 1; count <= rows; ++count) {
      const Floats some =
          multiply(kernels, Floats(x.begin(), x.begin() + count * k), count, w, columns, k);
      for (std::int64_t i = 0; i < count * columns; ++i) ASSERT_EQ(some[i], y[i]) << count;
    }
    const Floats last =
        multiply(kernels, Floats(x.end() - k, x.end()), 1, Floats(w.end() - 3 * k, w.end()), 3, k);
    for (std::int64_t j = 0; j < 3; ++j) ASSERT_EQ(last[j], y[rows * columns - 3 + j]);
  }
}

INSTANTIATE_TEST_SUITE_P(Storages, RowProductsOfStorage,
                         testing::Range<std::size_t>(0, kStorages.size()),
                         [](const auto& info) { return kStorages.at(info.param).name; });

TEST(RowProductsOfBfloat16, AreTheSameBitsOnEveryInstructionSet) {
  const std::int64_t rows = 9, columns = 100, k = 333;
  const Floats x = random_floats(rows * k, 3), w = random_floats(columns * k, 4);
  const Floats portable = [&] {
    const IsaLimit limit(Isa::kPortable);
    return multiply(row_products().bf16, x, rows, w, columns, k);
  }();
  for (const Isa isa : kIsas) {
    const IsaLimit limit(isa);
    EXPECT_EQ(multiply(row_products().bf16, x, rows, w, columns, k), portable);
  }
}

TEST(RowProductsOfInt8, KeepEveryWeightWithinHalfAStepAndTheLargestExactly) {
  const std::int64_t columns = 40, k = 16;
  Floats w = random_floats(columns * k, 5), unit(k * k, 0.0F);
  for (std::int64_t i = 0; i < k; ++i) unit[i * k + i] = 1.0F;
  std::fill_n(w.begin() + 7 * k, k, 0.0F);
  const Floats kept = multiply(row_products().int8, unit, k, w, columns, k);  // W^T
  for (std::int64_t j = 0; j < columns; ++j) {
    float largest = 0;
    for (std::int64_t i = 0; i < k; ++i) largest = std::max(largest, std::abs(w[j * k + i]));
    for (std::int64_t i = 0; i < k; ++i) {
      const float weight = w[j * k + i];
      EXPECT_NEAR(kept[i * columns + j], weight, largest / 127 * 0.5001);
      if (std::abs(weight) == largest) {
        EXPECT_FLOAT_EQ(kept[i * columns + j], weight);
      }
    }
  }
}

}  // namespace
}  // namespace polaris::kernels
