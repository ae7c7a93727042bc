/// libtorch's global switches for CUDA. They are never left to their defaults: what depends on one
/// sets it for as long as a guard lives, which puts the old state back. Of one thread at a time.
#pragma once

#include <ATen/Context.h>

namespace polaris::nn {

/// How products of matrices are rounded. Sums of bfloat16 products are float32 throughout, also
/// where cuBLAS adds up parts of a long sum.
class ProductPrecision {
 public:
  enum class Float32 {
    kExact,
    kTf32,  ///< operands have 10 bits behind the point: within 1e-3, eight times faster
  };

  explicit ProductPrecision(Float32 products);
  ~ProductPrecision();
  ProductPrecision(const ProductPrecision&) = delete;
  ProductPrecision& operator=(const ProductPrecision&) = delete;

 private:
  bool tf32_;
  at::CuBLASReductionOption reduction_;
};

/// Operations add in one order each time, where they have such a form.
class DeterministicOperations {
 public:
  DeterministicOperations();
  ~DeterministicOperations();
  DeterministicOperations(const DeterministicOperations&) = delete;
  DeterministicOperations& operator=(const DeterministicOperations&) = delete;

 private:
  bool deterministic_, warns_only_, fills_;
};

}  // namespace polaris::nn
