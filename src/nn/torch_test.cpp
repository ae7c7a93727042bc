#include <ATen/core/Tensor.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/ones.h>
#include <gtest/gtest.h>

#include "nn/torch_version.h"

namespace polaris {
namespace {

TEST(Libtorch, IsLinkedAndMultiplies) {
  const at::Tensor a = at::ones({8, 16});
  EXPECT_EQ(at::mm(a, a.t()).sum().item<float>(), 8 * 8 * 16);
  EXPECT_FALSE(torch_version().empty());
}

}  // namespace
}  // namespace polaris
