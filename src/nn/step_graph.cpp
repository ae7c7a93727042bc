#include "nn/internal/step_graph.h"

#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include <map>

namespace polaris::nn {

class StepGraphs::Impl {
 public:
  std::map<std::int64_t, at::cuda::CUDAGraph> graphs;
  at::cuda::MempoolId_t pool = at::cuda::graph_pool_handle();
  c10::cuda::CUDAStream stream = c10::cuda::getStreamFromPool();
};

StepGraphs::StepGraphs() : impl_(std::make_unique<Impl>()) {}
StepGraphs::~StepGraphs() = default;

bool StepGraphs::has(std::int64_t key) const { return impl_->graphs.contains(key); }

void StepGraphs::record(std::int64_t key, const std::function<void()>& step) {
  c10::cuda::device_synchronize();
  at::cuda::CUDAGraph& graph = impl_->graphs[key];
  const c10::cuda::CUDAStreamGuard side(impl_->stream);  // the default stream cannot be recorded
  try {
    graph.capture_begin(impl_->pool, cudaStreamCaptureModeThreadLocal);
    step();
    graph.capture_end();
  } catch (...) {
    impl_->graphs.erase(key);
    throw;
  }
}

void StepGraphs::repeat(std::int64_t key) { impl_->graphs.at(key).replay(); }

}  // namespace polaris::nn
