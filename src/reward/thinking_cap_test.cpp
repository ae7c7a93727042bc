#include "reward/thinking_cap.h"

#include <gtest/gtest.h>

namespace polaris {
namespace {

TEST(ThinkingPenalty, GrowsFromTheCapToTwiceTheCap) {
  const ThinkingCap rule{.enabled = true};
  EXPECT_EQ(thinking_penalty(0, rule), 0.0);
  EXPECT_EQ(thinking_penalty(3072, rule), 0.0);
  EXPECT_DOUBLE_EQ(thinking_penalty(3072 + 1536, rule).value(), -0.025);
  EXPECT_EQ(thinking_penalty(6144, rule), -0.05);
  EXPECT_EQ(thinking_penalty(99999, rule), -0.05);
}

TEST(ThinkingPenalty, IsAbsentUnlessItIsEnabled) { EXPECT_FALSE(thinking_penalty(99999, {})); }

}  // namespace
}  // namespace polaris
