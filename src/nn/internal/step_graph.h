#pragma once

#include <cstdint>
#include <functional>
#include <memory>

namespace polaris::nn {

/// Work of the current GPU, recorded once and then repeated as a whole: the host launches one graph
/// instead of some hundred kernels (specs/performance.md C.3). All recordings share their memory.
class StepGraphs {
 public:
  StepGraphs();
  ~StepGraphs();

  bool has(std::int64_t key) const;

  /// Records what `step` queues; nothing is run. It may neither wait for the GPU nor read memory of
  /// the host, and the tensors that it shares with others must stay where they are. What it leaves
  /// in tensors of its own is lost with the next repetition of any recording.
  /// @throws c10::Error where that is not possible; Error{kInternal} in a build without CUDA
  void record(std::int64_t key, const std::function<void()>& step);

  /// Queues what was recorded.
  void repeat(std::int64_t key);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace polaris::nn
