#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace polaris::nn {

/// Where sequences that lie end to end begin and end. There is no padding anywhere in nn/:
/// activations are [T, ...] with T = tokens(), and no state crosses a boundary.
class PackedSequences {
 public:
  /// @param lengths  tokens of each sequence, each at least 1, at least one sequence
  /// @throws Error{kInternal} otherwise
  explicit PackedSequences(std::span<const std::int64_t> lengths);

  std::int64_t count() const { return static_cast<std::int64_t>(cu_seqlens_.size()) - 1; }
  std::int64_t tokens() const { return cu_seqlens_.back(); }
  std::int64_t begin(std::int64_t sequence) const { return cu_seqlens_[sequence]; }
  std::int64_t length(std::int64_t sequence) const {
    return cu_seqlens_[sequence + 1] - cu_seqlens_[sequence];
  }
  std::int64_t max_length() const;

  /// [count() + 1] cumulative lengths, from 0.
  const std::vector<std::int64_t>& cu_seqlens() const { return cu_seqlens_; }

 private:
  std::vector<std::int64_t> cu_seqlens_;
};

}  // namespace polaris::nn
