#pragma once

#include <type_traits>

namespace polaris::kernels {

struct Bf16;

/// Instruction sets that CPU kernels are compiled for, narrowest first.
enum class Isa { kPortable, kAvx2, kAvx512, kAvx512Bf16 };

/// The widest that this processor, the environment variable POLARIS_ISA (portable, avx2, avx512 or
/// avx512bf16) and IsaLimit allow.
/// @throws Error{kInvalidConfig} if the variable has another value
Isa machine_isa();

/// While one lives, kernels of at most this instruction set are chosen, in all threads: for tests
/// and comparisons. One at a time.
class IsaLimit {
 public:
  explicit IsaLimit(Isa widest);
  ~IsaLimit();
  IsaLimit(const IsaLimit&) = delete;
  IsaLimit& operator=(const IsaLimit&) = delete;
};

/// Declares the tables that the copies of one kernel file define, and a function of the same name
/// that picks this machine's: POLARIS_DECLARE_KERNELS(NormKernels, norm_kernels) in namespace
/// polaris::kernels makes NormKernels norm_kernels(). Few files gain by a copy for kAvx512Bf16:
/// those are declared up to avx512bf16 (and listed in CMakeLists.txt).
#define POLARIS_DECLARE_KERNELS(Table, function) \
  POLARIS_DECLARE_KERNELS_UP_TO(avx512, Table, function)
#if defined(__x86_64__)
#define POLARIS_DECLARE_KERNELS_UP_TO(widest, Table, function) \
  namespace portable {                                         \
  Table function();                                            \
  }                                                            \
  namespace avx2 {                                             \
  Table function();                                            \
  }                                                            \
  namespace avx512 {                                           \
  Table function();                                            \
  }                                                            \
  namespace widest {                                           \
  Table function();                                            \
  }                                                            \
  inline Table function() {                                    \
    switch (machine_isa()) {                                   \
      case Isa::kAvx512Bf16:                                   \
        return widest::function();                             \
      case Isa::kAvx512:                                       \
        return avx512::function();                             \
      case Isa::kAvx2:                                         \
        return avx2::function();                               \
      case Isa::kPortable:                                     \
        break;                                                 \
    }                                                          \
    return portable::function();                               \
  }
#else
#define POLARIS_DECLARE_KERNELS_UP_TO(widest, Table, function) \
  namespace portable {                                         \
  Table function();                                            \
  }                                                            \
  inline Table function() { return portable::function(); }
#endif

/// The tables of kernels that exist for both types of activations.
template <template <class> class Kernels>
struct ForBothTypes {
  Kernels<float> f32;
  Kernels<Bf16> bf16;

  template <class T>
  const Kernels<T>& of() const {
    if constexpr (std::is_same_v<T, float>) {
      return f32;
    } else {
      return bf16;
    }
  }
};

}  // namespace polaris::kernels
