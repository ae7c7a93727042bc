#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace polaris {

/// The processes of one run, as far as they exchange bytes: rollouts and scores, a few MB a step,
/// so that every rank builds the same batch.
///
/// All ranks make the same calls in the same order. @throws Error{kUnavailable} on all of them if
/// a rank is gone or silent for too long; nothing more can be exchanged then.
class Ranks {
 public:
  virtual ~Ranks() = default;

  virtual int rank() const = 0;
  virtual int size() const = 0;

  /// @return [size] what each rank passed, by rank
  virtual std::vector<std::string> all_gather(std::string_view bytes) = 0;

  bool is_first() const { return rank() == 0; }

  /// What rank 0 passed.
  std::string from_first(std::string_view bytes);

  /// values[i] becomes the sum over ranks, added in the order of ranks.
  void all_reduce_sum(std::span<double> values);

  /// Returns once every rank has called it.
  void barrier() { all_gather({}); }
};

/// One process: nothing to wait for.
class OneRank : public Ranks {
 public:
  int rank() const override { return 0; }
  int size() const override { return 1; }
  std::vector<std::string> all_gather(std::string_view bytes) override {
    return {std::string(bytes)};
  }
};

/// A range of things that are dealt out.
struct Share {
  std::size_t begin = 0, end = 0;

  bool holds(std::size_t index) const { return begin <= index && index < end; }
};

/// Which of `total` things, in a row, this rank works on.
Share share_of(const Ranks& ranks, std::size_t total);

/// An error that every rank throws at the same point of its work: they can still act together, to
/// save a checkpoint.
class JointError : public Error {
 public:
  explicit JointError(const Error& error) : Error(error) {}
};

/// Runs `work` on every rank; it must not call the others.
/// @return what it returned, by rank
/// @throws JointError on all ranks if it fails on any: the error of the first that did. One process
///         alone throws its own
std::vector<std::string> jointly(Ranks& ranks, const std::function<std::string()>& work);

}  // namespace polaris
