#include "base/error.h"
#include "nn/internal/rank_links.h"

namespace polaris::nn {

c10::intrusive_ptr<c10d::Backend> nccl_backend(const c10::intrusive_ptr<c10d::Store>& /*store*/,
                                               int /*rank*/, int /*size*/,
                                               std::chrono::milliseconds /*timeout*/) {
  throw Error(ErrorCode::kInvalidConfig,
              "distributed.backend is nccl, which this build is without (configure with the cuda "
              "preset); gloo or auto does on CPUs");
}

}  // namespace polaris::nn
