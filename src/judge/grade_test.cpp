#include "judge/grade.h"

#include <gtest/gtest.h>

#include "judge/judge_testing.h"

namespace polaris {
namespace {

constexpr std::string_view kStory =
    "Mara set the lamp on the sill. \u201CThe tide,\u201D she said.";

Grade grade(const Json& answer, const GradeRule& rule = {}) {
  return grade_answer({.text = answer.dump()}, kStory, shipped_rubric(), rule);
}

using Flags = std::vector<std::string>;

TEST(Grade, AnAnswerWithEvidenceHasNoFlags) {
  Json answer = answer_with(0);
  answer["mechanics_format"] = {{"quotes", {"The tide,\" she said"}}, {"why", "w"}, {"score", 2}};
  answer["bonus"] = {{"claim", "The lamp."},
                     {"quotes", {"the lamp on the sill"}},
                     {"nearest", "P5"},
                     {"why_not_covered", "x"},
                     {"score", 4}};
  const Grade result = grade(answer);
  ASSERT_TRUE(result.verdict);
  EXPECT_FALSE(result.failure);
  EXPECT_EQ(result.flags, Flags());
  EXPECT_EQ(result.verdict->negative[7], 2);
  EXPECT_EQ(result.verdict->bonus, 4);
  EXPECT_EQ(result.quotes_checked, 2);
  EXPECT_EQ(result.quotes_verified, 2);
  EXPECT_EQ(result.parsed, answer);
}

TEST(Grade, AFaultWithoutAQuoteThatIsThereIsFlaggedAndCounts) {
  Json answer = answer_with(0);
  answer["predictability"] = {
      {"quotes", {"the gulls were silent", "MARA SET"}}, {"why", "w"}, {"score", 3}};
  EXPECT_EQ(grade(answer).flags, (Flags{"quote_not_found:N9", "quote_case_only:N9"}));
  answer["predictability"]["quotes"].erase(1);
  const Grade result = grade(answer);
  EXPECT_EQ(result.flags, (Flags{"quote_not_found:N9", "unsupported:N9"}));
  EXPECT_EQ(result.verdict->negative[8], 3);
  EXPECT_EQ(result.quotes_verified, 0);
}

TEST(Grade, AnAdjustmentWithoutClaimOrEvidenceIsTakenBack) {
  const auto points_of = [](const char* claim, const Json& quotes, std::int64_t score) {
    Json answer = answer_with(0);
    answer["penalty"] = {{"claim", claim},
                         {"quotes", quotes},
                         {"nearest", "none"},
                         {"why_not_covered", ""},
                         {"score", score}};
    const Grade result = grade(answer);
    const bool flagged = std::ranges::find(result.flags, "adjustment_void:X") != result.flags.end();
    EXPECT_EQ(flagged, result.verdict->penalty != score);
    return result.verdict->penalty;
  };
  EXPECT_EQ(points_of("It mocks.", {"the lamp"}, 5), 5);
  EXPECT_EQ(points_of("It mocks.", Json::array(), 1), 1);
  EXPECT_EQ(points_of("It mocks.", Json::array(), 2), 0);
  EXPECT_EQ(points_of("It mocks.", {"no such words"}, 5), 0);
  EXPECT_EQ(points_of(" \n", {"the lamp"}, 1), 0);
}

TEST(Grade, FlagsWhatTheSchemaWouldHaveForbidden) {
  Json answer = answer_with(0);
  answer["voice_style"]["quotes"] = {"the lamp", "the sill", "nowhere to be seen"};
  answer["bonus"]["nearest"] = "N3";
  const Grade result = grade(answer);
  EXPECT_EQ(result.flags, (Flags{"extra_quotes:P4", "nearest_unknown:B"}));
  EXPECT_EQ(result.quotes_checked, 2);
}

TEST(Grade, ThePublishedFormHasNoQuotesToMissButItsAdjustmentsNeedThem) {
  Json answer = published_answer_with(5);
  answer["bonus_score"] = 4;
  answer.update(
      {{"positive_total", 99}, {"negative_total", 50}, {"bonus_total", 4}, {"penalty_total", 0}});
  const Grade result = grade(answer);
  EXPECT_EQ(result.flags, (Flags{"judge_arithmetic", "adjustment_void:B"}));
  EXPECT_EQ(result.verdict->bonus, 0);
  EXPECT_EQ(result.quotes_checked, 0);
}

TEST(Grade, FailuresHaveTheirClass) {
  const auto failure = [](const ModelAnswer& answer) {
    const Grade result = grade_answer(answer, kStory, shipped_rubric(), {});
    EXPECT_FALSE(result.verdict);
    EXPECT_FALSE(result.message.empty());
    return result.failure;
  };
  EXPECT_EQ(failure({.text = ""}), JudgeFailure::kEmpty);
  EXPECT_EQ(failure({.text = " \n\t"}), JudgeFailure::kEmpty);
  EXPECT_EQ(failure({.text = "I would rather not."}), JudgeFailure::kUnparseable);
  EXPECT_EQ(failure({.text = "{}"}), JudgeFailure::kInvalid);
  EXPECT_EQ(failure({.text = "{", .finish = ModelFinish::kLength}), JudgeFailure::kTruncated);
  EXPECT_EQ(failure({.finish = ModelFinish::kRefused}), JudgeFailure::kRefused);
  EXPECT_EQ(failure({.finish = ModelFinish::kBlocked}), JudgeFailure::kBlocked);
}

TEST(Grade, AnEmptyAnswerIsZeroOnlyWhereTheConfigSaysSo) {
  const GradeRule zero{.empty_answer = EmptyAnswer::kZero};
  for (const ModelFinish finish : {ModelFinish::kStop, ModelFinish::kBlocked}) {
    const Grade result = grade_answer({.finish = finish}, kStory, shipped_rubric(), zero);
    ASSERT_TRUE(result.verdict);
    EXPECT_EQ(result.verdict->claimed->positive, 0.0);
    EXPECT_FALSE(result.verdict->has_all_points);
    EXPECT_EQ(result.flags, Flags{"empty_as_zero"});
  }
  EXPECT_EQ(grade_answer({.text = "no"}, kStory, shipped_rubric(), zero).failure,
            JudgeFailure::kUnparseable);
}

}  // namespace
}  // namespace polaris
