#include "reward/length.h"

#include <gtest/gtest.h>

namespace polaris {
namespace {

const RewardConfig kCorrected;
const RewardConfig kFaithful{.target_words = TargetWords::kPromptOnly, .nfc = false};

// The tables of specs/recipe.md 6.4.
TEST(FreeBand, MatchesThePublishedTable) {
  struct Line {
    std::int64_t target, shortest, longest;
  };
  for (const Line& line : {Line{1000, 650, 1600}, Line{2000, 1650, 2600}, Line{2667, 2267, 3333},
                           Line{4000, 3400, 5000}, Line{12000, 11000, 13500}}) {
    const FreeBand band = free_band(line.target, {});
    EXPECT_EQ(band.shortest, line.shortest) << line.target;
    EXPECT_EQ(band.longest, line.longest) << line.target;
  }
}

TEST(LengthPenalty, MatchesThePublishedTable) {
  struct Line {
    std::int64_t target, words;
    double penalty;
  };
  for (const Line& line :
       {Line{1000, 149, 0.770769}, Line{1000, 150, 0.769231}, Line{1000, 325, 0.5},
        Line{1000, 649, 0.001538}, Line{1000, 650, 0}, Line{1000, 1600, 0},
        Line{1000, 1601, 0.000625}, Line{1000, 2400, 0.5}, Line{1000, 3200, 1},
        Line{1000, 99999, 1}, Line{2000, 825, 0.5}, Line{2000, 3900, 0.5}, Line{4000, 1700, 0.5},
        Line{4000, 7500, 0.5}, Line{150, 400, 0}, Line{150, 1000, 0.333333},
        Line{4000, 400, 0.882353}}) {
    EXPECT_NEAR(length_penalty(line.words, line.target, {}), line.penalty, 1e-6)
        << line.words << " words for " << line.target;
  }
}

TEST(LengthPenalty, OfASmallTargetAsksForNothingFromBelow) {
  EXPECT_EQ(length_penalty(0, 350, {}), 0.0);
  EXPECT_EQ(length_penalty(0, 351, {}), 1.0);  // at least one word
  EXPECT_EQ(length_penalty(1, 351, {}), 0.0);
}

TEST(LengthPenalty, RisesWithTheDistanceOnEitherSide) {
  double last = 1.0;
  for (std::int64_t words = 0; words <= 1650; ++words) {
    const double penalty = length_penalty(words, 2000, {});
    EXPECT_LE(penalty, last);
    last = penalty;
  }
  for (std::int64_t words = 2600; words < 6000; ++words) {
    const double penalty = length_penalty(words, 2000, {});
    EXPECT_GE(penalty, last);
    last = penalty;
  }
  EXPECT_EQ(last, 1.0);
}

TEST(RequestedWords, TheRecordsOwnNumberComesBeforeThePrompts) {
  const LengthRequest both{.prompt = "It should be 800 words long.", .target_words = 2000};
  EXPECT_EQ(requested_words(both, kCorrected), 2000);
  EXPECT_EQ(requested_words(both, kFaithful), 800);
  const LengthRequest nothing_yet{.prompt = "It should be 800 words long.", .target_words = 0};
  EXPECT_EQ(requested_words(nothing_yet, kCorrected), 800);
}

TEST(RequestedWords, ThePublishedRuleReadsNumbersWrongly) {
  const auto target = [](std::string_view prompt, const RewardConfig& config) {
    return requested_words({.prompt = prompt}, config);
  };
  EXPECT_EQ(target("It should be 2,500 words long.", kFaithful), 500);
  EXPECT_EQ(target("It should be 2,500 words long.", kCorrected), 2500);
  EXPECT_EQ(target("It should be 1,000 words long.", kFaithful), 150);
  EXPECT_EQ(target("Write a 1500-word story.", kFaithful), 150);
  EXPECT_EQ(target("Write a 1500-word story.", kCorrected), 1500);
}

TEST(RequestedWords, OfAPromptThatNamesNoneAreAbsentOrThePublishedLeast) {
  EXPECT_EQ(requested_words({.prompt = "Write about fog."}, kCorrected), std::nullopt);
  EXPECT_EQ(requested_words({.prompt = "It must be 0 words long."}, kCorrected), std::nullopt);
  EXPECT_EQ(requested_words({}, kCorrected), std::nullopt);
  EXPECT_EQ(requested_words({.prompt = "Write about fog."}, kFaithful), 150);
}

TEST(RequestedWords, ThePublishedRuleFallsBackToTheTargetText) {
  std::string text;
  for (int i = 0; i < 700; ++i) text += "sea ";
  const LengthRequest request{.prompt = "Write about fog.", .target_text = text};
  EXPECT_EQ(requested_words(request, kFaithful), 700);
  EXPECT_EQ(requested_words(request, kCorrected), std::nullopt);
}

TEST(RequestedWords, AreAtLeastTheSmallestTarget) {
  EXPECT_EQ(requested_words({.target_words = 20}, kCorrected), 150);
  EXPECT_EQ(requested_words({.prompt = "It must be 20 words long."}, kFaithful), 150);
  RewardConfig config;
  config.length_rule.min_target = 10;
  EXPECT_EQ(requested_words({.target_words = 20}, config), 20);
}

}  // namespace
}  // namespace polaris
