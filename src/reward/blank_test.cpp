#include "reward/blank.h"

#include <gtest/gtest.h>

#include <string>

namespace polaris {
namespace {

double blank(const std::string& story) {
  return blank_penalty(count_text(story, WordForm::kNfc), {});
}

std::string words(int n, const std::string& gap = " ") {
  std::string story;
  for (int i = 0; i < n; ++i) story += "sea" + gap;
  return story;
}

TEST(BlankPenalty, IsForStoriesOfLessThan150Words) {
  EXPECT_EQ(blank(""), 1.0);
  EXPECT_EQ(blank(" \n "), 1.0);
  EXPECT_EQ(blank(words(149)), 1.0);
  EXPECT_EQ(blank(words(150)), 0.0);
  EXPECT_EQ(blank(words(150, "\r\n")), 0.0);
}

TEST(BlankPenalty, IsForStoriesThatAreMostlySpace) {
  EXPECT_EQ(blank(words(200, std::string(26, ' '))), 0.0);  // 3 of 29 characters
  EXPECT_EQ(blank(words(200, std::string(28, ' '))), 1.0);  // 3 of 31
}

// A word of the rule is a run of word characters: Chinese prose has one per clause.
TEST(BlankPenalty, CountsAClauseWithoutSpacesAsOneWord) {
  std::string story;
  for (int i = 0; i < 149; ++i) story += "海上升起一轮明月，";
  EXPECT_EQ(blank(story), 1.0);
  EXPECT_EQ(blank(story + "天涯共此时。"), 0.0);
}

TEST(BlankPenalty, FollowsItsKeys) {
  const TextCounts story = count_text(words(20), WordForm::kNfc);
  EXPECT_EQ(blank_penalty(story, {.min_words = 20}), 0.0);
  EXPECT_EQ(blank_penalty(story, {.min_words = 20, .min_visible = 0.8}), 1.0);
}

}  // namespace
}  // namespace polaris
