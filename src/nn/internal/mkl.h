#pragma once

#include <ATen/Parallel.h>

#include <cstdint>

/// The two functions of MKL that libtorch's x86 wheels export and we call past ATen. Weak: another
/// libtorch may have none, and their users have another way then.
extern "C" {
/// c = alpha op(a) op(b) + beta c for bfloat16 operands and a float32 result.
[[gnu::weak]] void cblas_gemm_bf16bf16f32(int layout, int transpose_a, int transpose_b, int m,
                                          int n, int k, float alpha, const std::uint16_t* a,
                                          int lda, const std::uint16_t* b, int ldb, float beta,
                                          float* c, int ldc);
/// @return the previous setting; 0 = as set for all threads
[[gnu::weak]] int MKL_Set_Num_Threads_Local(int threads);
}

namespace polaris::nn {

/// While it lives, MKL uses no threads of its own in products that this thread asks for: sums that
/// are split over threads would depend on how many there are.
class SingleThreadedMkl {
 public:
  SingleThreadedMkl() {
    // A thread's first ATen operation sets MKL's number of threads; it must not come after ours.
    (void)at::get_num_threads();
    if (MKL_Set_Num_Threads_Local != nullptr) before_ = MKL_Set_Num_Threads_Local(1);
  }
  ~SingleThreadedMkl() {
    if (MKL_Set_Num_Threads_Local != nullptr) MKL_Set_Num_Threads_Local(before_);
  }
  SingleThreadedMkl(const SingleThreadedMkl&) = delete;
  SingleThreadedMkl& operator=(const SingleThreadedMkl&) = delete;

 private:
  int before_ = 0;
};

}  // namespace polaris::nn
