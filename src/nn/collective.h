#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/ranks.h"

namespace at {
class Tensor;
}

namespace polaris {

/// The processes of one run, as far as tensors travel between them too: gradients and weights, from
/// arena to arena. Calls and errors as those of Ranks.
class Collective : public Ranks {
 public:
  /// `values` of rank `root` become everybody's, bit for bit.
  /// @param values  contiguous, of one shape and type on all ranks, on the run's device
  virtual void broadcast(const at::Tensor& values, int root) = 0;

  /// Row r of `send` goes to rank r, which finds it in the sender's row of `receive`.
  /// @param send, receive  [size, n] float32 or float64, contiguous, not the same memory
  virtual void all_to_all(const at::Tensor& send, const at::Tensor& receive) = 0;
};

/// One process: size 1, nothing to wait for.
class SingleProcess : public Collective {
 public:
  int rank() const override { return 0; }
  int size() const override { return 1; }
  std::vector<std::string> all_gather(std::string_view bytes) override {
    return {std::string(bytes)};
  }
  void broadcast(const at::Tensor& /*values*/, int /*root*/) override {}
  void all_to_all(const at::Tensor& send, const at::Tensor& receive) override;
};

}  // namespace polaris
