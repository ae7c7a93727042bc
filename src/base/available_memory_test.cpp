#include "base/available_memory.h"

#include <gtest/gtest.h>
#include <unistd.h>

namespace polaris {
namespace {

TEST(AvailableMemory, IsBetweenNothingAndAllThereIs) {
  const auto available = available_memory_bytes();
  ASSERT_TRUE(available.has_value());
  EXPECT_GT(*available, 1'000'000);
  EXPECT_LT(*available, ::sysconf(_SC_PHYS_PAGES) * ::sysconf(_SC_PAGE_SIZE));
}

}  // namespace
}  // namespace polaris
