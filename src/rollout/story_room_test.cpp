#include "rollout/story_room.h"

#include <gtest/gtest.h>

namespace polaris {
namespace {

TEST(StoryRoom, TwelveThousandWordsFitIntoTheContextThatIsAdvised) {
  const StoryRoom room{.prompt_tokens = 200};
  EXPECT_LE(room.context_tokens(12'000), 24'576);
  EXPECT_GT(room.context_tokens(12'000), 12'000 * 1.35 * 1.21);
}

TEST(StoryRoom, MostWordsIsTheLastThatFits) {
  for (const std::int64_t context : {2'000, 4'096, 16'384, 262'144}) {
    const StoryRoom room{.tokens_per_word = 2.4, .prompt_tokens = 77, .thinking_tokens = 300};
    const std::int64_t words = room.most_words(context);
    EXPECT_LE(room.context_tokens(words), context);
    EXPECT_GT(room.context_tokens(words + 1), context);
  }
}

TEST(StoryRoom, HoldsNothingBesideALongPrompt) {
  EXPECT_EQ((StoryRoom{.prompt_tokens = 4'000}.most_words(4'096)), 0);
}

}  // namespace
}  // namespace polaris
