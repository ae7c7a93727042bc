#include "base/error.h"
#include "nn/internal/step_graph.h"

namespace polaris::nn {

class StepGraphs::Impl {};

StepGraphs::StepGraphs() {
  throw Error(ErrorCode::kInternal, "this build has no CUDA graphs (configure POLARIS_CUDA=ON)");
}
StepGraphs::~StepGraphs() = default;

bool StepGraphs::has(std::int64_t /*key*/) const { return false; }
void StepGraphs::record(std::int64_t /*key*/, const std::function<void()>& /*step*/) {}
void StepGraphs::repeat(std::int64_t /*key*/) {}

}  // namespace polaris::nn
