#include "nn/internal/cuda_modes.h"

#include <gtest/gtest.h>

namespace polaris::nn {
namespace {

TEST(CudaModes, ProductPrecisionIsPutBack) {
  at::Context& context = at::globalContext();
  const bool before = context.allowTF32CuBLAS();
  const at::CuBLASReductionOption reduction = context.allowBF16ReductionCuBLAS();
  {
    const ProductPrecision outer(ProductPrecision::Float32::kTf32);
    EXPECT_TRUE(context.allowTF32CuBLAS());
    {
      const ProductPrecision inner(ProductPrecision::Float32::kExact);
      EXPECT_FALSE(context.allowTF32CuBLAS());
      EXPECT_NE(context.allowBF16ReductionCuBLAS(),
                at::CuBLASReductionOption::AllowReducedPrecisionWithSplitK);
    }
    EXPECT_TRUE(context.allowTF32CuBLAS());
  }
  EXPECT_EQ(context.allowTF32CuBLAS(), before);
  EXPECT_EQ(context.allowBF16ReductionCuBLAS(), reduction);
}

TEST(CudaModes, DeterminismIsPutBack) {
  at::Context& context = at::globalContext();
  ASSERT_FALSE(context.deterministicAlgorithms());
  const bool fills = context.deterministicFillUninitializedMemory();
  {
    const DeterministicOperations guard;
    EXPECT_TRUE(context.deterministicAlgorithms());
    EXPECT_FALSE(context.deterministicAlgorithmsWarnOnly());
    EXPECT_FALSE(context.deterministicFillUninitializedMemory());
  }
  EXPECT_FALSE(context.deterministicAlgorithms());
  EXPECT_EQ(context.deterministicFillUninitializedMemory(), fills);
}

}  // namespace
}  // namespace polaris::nn
