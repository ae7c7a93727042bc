#include "nn/kernels/isa.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <string_view>

#include "base/error.h"

namespace polaris::kernels {
namespace {

Isa of_processor() {
#if defined(__x86_64__)
  const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
  if (avx512) return __builtin_cpu_supports("avx512bf16") ? Isa::kAvx512Bf16 : Isa::kAvx512;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return Isa::kAvx2;
#endif
  return Isa::kPortable;
}

Isa of_environment() {
  const char* variable = std::getenv("POLARIS_ISA");
  if (variable == nullptr) return Isa::kAvx512Bf16;
  const std::string_view name = variable;
  if (name == "portable") return Isa::kPortable;
  if (name == "avx2") return Isa::kAvx2;
  if (name == "avx512") return Isa::kAvx512;
  if (name == "avx512bf16") return Isa::kAvx512Bf16;
  throw Error(
      ErrorCode::kInvalidConfig,
      fmt::format("POLARIS_ISA is \"{}\"; write portable, avx2, avx512 or avx512bf16", name));
}

std::atomic<Isa> limit = Isa::kAvx512Bf16;

}  // namespace

Isa machine_isa() {
  static const Isa widest = std::min(of_processor(), of_environment());
  return std::min(widest, limit.load(std::memory_order_relaxed));
}

IsaLimit::IsaLimit(Isa widest) { limit = widest; }
IsaLimit::~IsaLimit() { limit = Isa::kAvx512Bf16; }

}  // namespace polaris::kernels
