#include "nn/internal/cuda_modes.h"

namespace polaris::nn {

ProductPrecision::ProductPrecision(Float32 products)
    : tf32_(at::globalContext().allowTF32CuBLAS()),
      reduction_(at::globalContext().allowBF16ReductionCuBLAS()) {
  at::globalContext().setAllowTF32CuBLAS(products == Float32::kTf32);
  at::globalContext().setAllowBF16ReductionCuBLAS(/*allow_reduced_precision=*/false);
}

ProductPrecision::~ProductPrecision() {
  using enum at::CuBLASReductionOption;
  at::globalContext().setAllowTF32CuBLAS(tf32_);
  at::globalContext().setAllowBF16ReductionCuBLAS(
      reduction_ == AllowReducedPrecisionWithSplitK,
      reduction_ != DisallowReducedPrecisionDisallowSplitK);
}

DeterministicOperations::DeterministicOperations()
    : deterministic_(at::globalContext().deterministicAlgorithms()),
      warns_only_(at::globalContext().deterministicAlgorithmsWarnOnly()),
      fills_(at::globalContext().deterministicFillUninitializedMemory()) {
  at::globalContext().setDeterministicAlgorithms(true, /*warn_only=*/false);
  // Otherwise every tensor is filled before it is written.
  at::globalContext().setDeterministicFillUninitializedMemory(false);
}

DeterministicOperations::~DeterministicOperations() {
  at::globalContext().setDeterministicAlgorithms(deterministic_, warns_only_);
  at::globalContext().setDeterministicFillUninitializedMemory(fills_);
}

}  // namespace polaris::nn
