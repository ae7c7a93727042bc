#pragma once

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace polaris::kernels {

/// While it lives, numbers below the smallest normal float (1.2e-38) count as 0 in this thread, in
/// what comes in and in what goes out. A state that decays for long passes through that range,
/// where processors are a hundred times slower and nothing is left to gain.
class FlushDenormals {
 public:
#if defined(__x86_64__)
  FlushDenormals() : before_(_mm_getcsr()) { _mm_setcsr(before_ | kFlushToZero | kZeroInputs); }
  ~FlushDenormals() { _mm_setcsr(before_); }
#else
  FlushDenormals() = default;
#endif
  FlushDenormals(const FlushDenormals&) = delete;
  FlushDenormals& operator=(const FlushDenormals&) = delete;

#if defined(__x86_64__)
 private:
  static constexpr unsigned kFlushToZero = 0x8000, kZeroInputs = 0x0040;
  unsigned before_;
#endif
};

}  // namespace polaris::kernels
