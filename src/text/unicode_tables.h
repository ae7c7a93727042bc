#pragma once

#include <cstddef>
#include <cstdint>

#include "text/unicode.h"

namespace polaris {

/// Code points first, first + stride, ..., last whose lower case is `difference` away.
struct LowerRange {
  char32_t first;
  char32_t last;
  std::uint32_t stride;
  std::int32_t difference;
};

/// Sorted by `first`, not overlapping.
extern const LowerRange kLowerRanges[];
extern const std::size_t kLowerRangeCount;

}  // namespace polaris
