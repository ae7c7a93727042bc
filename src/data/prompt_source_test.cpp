#include "data/prompt_source.h"

#include <gtest/gtest.h>

#include <set>

#include "base/error.h"

namespace polaris {
namespace {

std::vector<Prompt> prompts(std::size_t count) {
  std::vector<Prompt> all;
  for (std::size_t i = 0; i < count; ++i) all.push_back({.id = std::to_string(i)});
  return all;
}

TEST(PromptSource, FollowsThePublishedOrderOfTheRecords) {
  const PromptSource source(prompts(1388), {});
  const std::vector<Prompt> first = source.of(1);
  ASSERT_EQ(first.size(), 8U);
  EXPECT_EQ(first[0].id, "191");
  EXPECT_EQ(first[7].id, "353");
  EXPECT_EQ(source.order().steps_per_epoch(), 173);
}

TEST(PromptSource, AnEpochShowsEveryPromptOnce) {
  const PromptSource source(prompts(16), {});
  std::set<std::string> seen;
  for (const std::int64_t step : {3, 4}) {
    for (const Prompt& prompt : source.of(step)) seen.insert(prompt.id);
  }
  EXPECT_EQ(seen.size(), 16U);
}

TEST(PromptSource, RefusesFewerPromptsThanAStepNeeds) {
  EXPECT_THROW(PromptSource(prompts(7), {}), Error);
}

}  // namespace
}  // namespace polaris
