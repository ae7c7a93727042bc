#include "nn/internal/packed.h"

#include <algorithm>

#include "base/error.h"

namespace polaris::nn {

PackedSequences::PackedSequences(std::span<const std::int64_t> lengths) {
  POLARIS_CHECK(!lengths.empty(), "no sequence");
  cu_seqlens_.reserve(lengths.size() + 1);
  cu_seqlens_.push_back(0);
  for (const std::int64_t length : lengths) {
    POLARIS_CHECK(length > 0, "a sequence of {} tokens", length);
    cu_seqlens_.push_back(cu_seqlens_.back() + length);
  }
}

std::int64_t PackedSequences::max_length() const {
  std::int64_t longest = 0;
  for (std::int64_t i = 0; i < count(); ++i) longest = std::max(longest, length(i));
  return longest;
}

}  // namespace polaris::nn
