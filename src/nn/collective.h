#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace at {
class Tensor;
}

namespace polaris {

/// The processes of one run. Ranks exchange rollouts and scores as host bytes (a few MB a step),
/// so that every rank builds the same batch and takes its share of it; gradients and weights go
/// from arena to arena.
///
/// All ranks make the same calls in the same order. @throws Error{kUnavailable} on all of them if
/// a rank is gone or silent for longer than the collective's timeout; it is of no further use then.
class Collective {
 public:
  virtual ~Collective() = default;

  virtual int rank() const = 0;
  virtual int size() const = 0;

  /// @return [size] what each rank passed, by rank
  virtual std::vector<std::string> all_gather(std::string_view bytes) = 0;

  /// `values` of rank `root` become everybody's, bit for bit.
  /// @param values  contiguous, of one shape and type on all ranks, on the run's device
  virtual void broadcast(const at::Tensor& values, int root) = 0;

  /// Row r of `send` goes to rank r, which finds it in the sender's row of `receive`.
  /// @param send, receive  [size, n] float32 or float64, contiguous, not the same memory
  virtual void all_to_all(const at::Tensor& send, const at::Tensor& receive) = 0;

  /// values[i] becomes the sum over ranks, added in the order of ranks.
  void all_reduce_sum(std::span<double> values);

  /// Returns once every rank has called it.
  void barrier() { all_gather({}); }
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
