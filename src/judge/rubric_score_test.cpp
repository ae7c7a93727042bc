#include "judge/rubric_score.h"

#include <gtest/gtest.h>

#include "judge/judge_testing.h"

namespace polaris {
namespace {

Verdict verdict_of(const OrderedJson& input) {
  const Rubric& rubric = shipped_rubric();
  Verdict verdict{.bonus = input["bonus"].get<std::int64_t>(),
                  .penalty = input["penalty"].get<std::int64_t>()};
  const OrderedJson& scores = input["scores"];
  for (std::size_t i = 0; i < 6; ++i)
    verdict.positive[i] = scores[rubric.positive[i].key].get<std::int64_t>();
  for (std::size_t i = 0; i < 10; ++i)
    verdict.negative[i] = scores[rubric.negative[i].key].get<std::int64_t>();
  return verdict;
}

TEST(RubricScore, AgreesWithTheGoldenCases) {
  const auto cases = golden_eval_cases("story_quality_composite");
  EXPECT_EQ(cases.size(), 12U);
  for (const OrderedJson& c : cases) {
    SCOPED_TRACE(c["name"].get<std::string>());
    const OrderedJson& expected = c["expected"];
    const RubricScore score = rubric_score(verdict_of(c["input"]));
    EXPECT_EQ(score.positive, expected["positive_total"].get<double>());
    EXPECT_EQ(score.negative, expected["negative_total"].get<double>());
    EXPECT_EQ(score.bonus, expected["bonus_effective"].get<double>());
    EXPECT_EQ(score.penalty, expected["penalty_effective"].get<double>());
    EXPECT_EQ(score.overall, expected["overall"].get<double>());
    EXPECT_EQ(quality_label(shipped_rubric(), score.overall), expected["label"].get<std::string>());
  }
}

// The [run] table of specs/recipe.md 6.2.
TEST(RubricScore, FollowsTheRecipesTable) {
  struct Line {
    ClaimedTotals totals;
    double overall;
  };
  for (const Line& line :
       {Line{{60, 20, 4, 5}, 41}, Line{{60, 31, 4, 0}, 29}, Line{{60, 30, 4, 0}, 34},
        Line{{60, 39, 0, 6}, 18}, Line{{60, 40, 0, 6}, 14}, Line{{60, 60, 8, 8}, -8},
        Line{{100, 0, 8, 0}, 108}, Line{{0, 151, 0, 8}, -159}})
    EXPECT_EQ(rubric_score({.claimed = line.totals}).overall, line.overall);
}

TEST(RubricScore, ClaimedTotalsCountInPlaceOfThePoints) {
  Verdict verdict{.positive = kPositiveMax};
  EXPECT_EQ(rubric_score(verdict).overall, 100);
  verdict.claimed = ClaimedTotals{.positive = 69.5, .negative = 23.25};
  EXPECT_EQ(rubric_score(verdict).overall, 46.25);
}

// golden/eval `sq_parse_response`: the reference's evaluation shows min(100, sum) from the totals.
TEST(RubricScore, KnowsWhatThePublishedEvaluationWouldShow) {
  int compared = 0;
  for (const OrderedJson& c : golden_eval_cases("sq_parse_response")) {
    const OrderedJson& expected = c["expected"];
    if (!expected.contains("overall_score_model")) continue;  // not computed from the totals
    const auto total = [&](const char* key) { return expected[key].get<double>(); };
    const Verdict verdict{.claimed = ClaimedTotals{.positive = total("positive_total"),
                                                   .negative = total("negative_total"),
                                                   .bonus = total("bonus_total"),
                                                   .penalty = total("penalty_total")}};
    EXPECT_EQ(rubric_score(verdict).overall_reference_eval, total("overall_score")) << c["name"];
    ++compared;
  }
  EXPECT_GE(compared, 12);
}

TEST(Disqualification, LooksAtConfusionOverwroughtProseAndLength) {
  const auto with = [](std::int64_t n2, std::int64_t n10) {
    Verdict verdict;
    verdict.negative[1] = n2;
    verdict.negative[9] = n10;
    return verdict;
  };
  EXPECT_FALSE(is_disqualified(with(6, 7), 40, 100));
  EXPECT_TRUE(is_disqualified(with(7, 0), 40, 100));
  EXPECT_TRUE(is_disqualified(with(0, 8), 40, 100));
  EXPECT_TRUE(is_disqualified(with(0, 0), 39, 100));
  EXPECT_FALSE(is_disqualified(with(0, 0), 0, std::nullopt));
}

}  // namespace
}  // namespace polaris
