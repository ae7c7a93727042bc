#include "reward/self_repetition.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>

namespace polaris {
namespace {

std::string times(const std::string& text, int n) {
  std::string out;
  while (n-- > 0) out += text;
  return out;
}

double penalty(const std::string& story) { return self_repetition(story, {}).penalty; }

// The [run] table of specs/recipe.md 6.3.
TEST(SelfRepetitionPenalty, MatchesThePublishedTable) {
  EXPECT_EQ(penalty("a b c d e f g h"), 0.0);
  EXPECT_NEAR(penalty("the cat sat on the mat the cat sat on the mat"), 0.221867, 1e-6);
  EXPECT_NEAR(penalty("the cat sat on the mat\nthe cat sat on the mat"), 0.421867, 1e-6);
  EXPECT_NEAR(penalty("he ran. he ran. he ran."), 0.355200, 1e-6);
  EXPECT_NEAR(penalty(times("ha ", 50)), 0.738179, 1e-6);
  EXPECT_NEAR(penalty(times("ha ha ha ha\n", 50)), 1.143139, 1e-6);
}

TEST(SelfRepetitionPenalty, LooksBackOneGramLessThanItsWindow) {
  const auto apart = [](int distance) {
    std::string text = "alpha beta gamma delta";
    for (int i = 0; i < distance - 4; ++i) text += fmt::format(" w{}", i);
    return text + " alpha beta gamma delta";
  };
  EXPECT_NEAR(penalty(apart(63)), 0.003750, 1e-6);
  EXPECT_EQ(penalty(apart(64)), 0.0);
  EXPECT_GT(self_repetition(apart(64), {.window = 65}).local, 0.0);
}

TEST(SelfRepetitionPenalty, IsTheSumOfItsAddendsUpToTheCap) {
  const std::string story = times("ha ha ha ha\n", 50);
  const SelfRepetition parts = self_repetition(story, {});
  EXPECT_DOUBLE_EQ(parts.penalty, parts.grams + parts.local + parts.lines);
  EXPECT_EQ(self_repetition(story, {.cap = 0.25}).penalty, 0.25);
  EXPECT_EQ(self_repetition(story, {.grams_weight = 0, .lines_weight = 0}).penalty, 0.0);
}

TEST(SelfRepetitionPenalty, OfTextThatIsHardlyThereIsZero) {
  for (const char* story : {"", " \r\n\t ", "one", "only three tokens"})
    EXPECT_EQ(penalty(story), 0.0) << story;
}

TEST(SelfRepetitionPenalty, ReadsLinesAlikeWhateverEndsThem) {
  const double unix_lines = penalty("She ran.\nHe hid.\nShe ran.\n");
  EXPECT_GT(unix_lines, 0.0);
  EXPECT_EQ(penalty("She ran.\r\nHe hid.\r\nShe ran.\r\n"), unix_lines);
  EXPECT_EQ(penalty("She ran.\rHe hid.\r\rShe ran."), unix_lines);
}

TEST(SelfRepetitionPenalty, SeesRepetitionInOtherScripts) {
  EXPECT_GT(penalty("海 は 青い 。 海 は 青い 。 海 は 青い 。"), 0.3);
  // Without spaces a clause is one word of the rule.
  EXPECT_GT(penalty(times("海は青い。", 40)), 0.6);
  EXPECT_EQ(penalty("Ещё один день прошёл у самого синего моря"), 0.0);
}

TEST(SelfRepetitionPenalty, TakesAStoryOfOneLongLine) {
  EXPECT_NEAR(penalty(times("ha ", 400'000)), 0.8 * (0.7 * 0.92 + 0.3), 1e-4);
  EXPECT_EQ(penalty(std::string(2'000'000, 'a')), 0.0);  // one word
}

}  // namespace
}  // namespace polaris
