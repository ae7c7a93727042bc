#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace polaris {

/// The processes of one run. Ranks exchange rollouts and scores as host bytes (a few MB a step),
/// so that every rank builds the same batch and takes its share of it.
///
/// All ranks make the same calls in the same order. @throws Error{kUnavailable} on all of them if
/// a rank is gone or silent for longer than the collective's timeout.
class Collective {
 public:
  virtual ~Collective() = default;

  virtual int rank() const = 0;
  virtual int size() const = 0;

  /// @return [size] what each rank passed, by rank
  virtual std::vector<std::string> all_gather(std::string_view bytes) = 0;

  /// values[i] becomes the sum over ranks, added in the order of ranks.
  virtual void all_reduce_sum(std::span<double> values) = 0;

  /// Returns once every rank has called it.
  virtual void barrier() = 0;
};

/// One process: size 1, nothing to wait for.
class SingleProcess : public Collective {
 public:
  int rank() const override { return 0; }
  int size() const override { return 1; }
  std::vector<std::string> all_gather(std::string_view bytes) override {
    return {std::string(bytes)};
  }
  void all_reduce_sum(std::span<double> /*values*/) override {}
  void barrier() override {}
};

}  // namespace polaris
