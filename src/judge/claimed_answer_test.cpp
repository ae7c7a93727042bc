#include "judge/claimed_answer.h"

#include <gtest/gtest.h>

#include <set>

#include "judge/grade.h"
#include "judge/judge_testing.h"
#include "judge/rubric_score.h"
#include "text/length_sentence.h"
#include "text/words.h"

namespace polaris {
namespace {

Grade grade(const std::string& text) {
  return grade_answer({.text = text}, "", shipped_rubric(),
                      {.totals = TotalsRule::kAsClaimed, .empty_answer = EmptyAnswer::kZero});
}

/// Cases of golden/reward `story_quality_score` with settings that no key of specs/config.md has.
const std::set<std::string> kOtherSettings = {
    "sq/no_override",                 // the judge's own overall counts
    "sq/no_override_out_of_range",    // the same
    "sq/overall_string_no_override",  // the same
    "sq/scale_bias",                  // a factor and an offset
    "sq/clamp_100",                   // other limits of the overall
    "sq/default_min_zero",            // the same
    "sq/pos_only",                    // positive points only
    "sq/pos_only_string",             // the same
    "sq/divisor_zero",                // refused by [reward.story_quality_rule]
    "sq/dq_wc_disabled",              // another share of words
    "sq/dq_gt_not_exempt",            // references that are not exempt
    "sq/timeout",                     // no answer: call_problem_test.cpp
    "sq/http_500",                    // the same
    "sq/answer_and_error",            // an answer and an error of the same call: cannot be here
};

ScoreRule rule_of(const OrderedJson& config) {
  ScoreRule rule{.bonus_floor = config["story_quality_bonus_floor_enable"].get<bool>(),
                 .penalty_cap = config["story_quality_penalty_cap_value"].get<std::int64_t>()};
  if (!config["story_quality_penalty_cap_enable"]) rule.penalty_cap = kCatchAllMax;  // never more
  return rule;
}

/// story_quality of a case as the program computes it; absent if the answer is a failure.
std::optional<double> story_quality_of(const OrderedJson& input, const Verdict& verdict) {
  const OrderedJson& config = input["config"];
  double overall = rubric_score(verdict, rule_of(config)).overall;
  const auto target = target_words(input["prompt"].get<std::string>(), TargetWordsRule::kPublished);
  const bool exempt = input.value("is_gt", false);
  if (config["story_quality_dq_enable"] == true && !exempt &&
      is_disqualified(verdict, count_pieces(golden_reward_text(input["story"])), target))
    overall = kLowestOverall;
  // The divisor comes from the schema in one case, and is 100 by default.
  const bool from_schema = config.contains("story_quality_schema");
  return overall / config.value("story_quality_score_divisor", from_schema ? 108.0 : 100.0);
}

TEST(ClaimedAnswer, AgreesWithTheReference) {
  int scored = 0;
  int failed = 0;
  std::size_t left_out = 0;
  for (const OrderedJson& c : golden_reward_cases("story_quality_score")) {
    const auto name = c["name"].get<std::string>();
    SCOPED_TRACE(name);
    if (kOtherSettings.contains(name)) {
      ++left_out;
      continue;
    }
    const OrderedJson& text = c["input"]["judge_text"];
    const Grade result = grade(text.is_null() ? "" : text.get<std::string>());
    const OrderedJson& expected = c["expected"];
    if (!expected["diag"]["error"].is_null()) {
      EXPECT_TRUE(result.failure) << "the reference calls it an error";
      ++failed;
      continue;
    }
    ASSERT_TRUE(result.verdict) << result.message;
    EXPECT_NEAR(story_quality_of(c["input"], *result.verdict).value(),
                expected["story_quality"].get<double>(), 1e-9);
    ++scored;
    if (!expected["diag"].contains("bonus_contrib_effective")) continue;  // an empty answer
    const RubricScore score = rubric_score(*result.verdict, rule_of(c["input"]["config"]));
    EXPECT_EQ(score.bonus, expected["diag"]["bonus_contrib_effective"].get<double>());
    EXPECT_EQ(score.penalty, expected["diag"]["penalty_contrib_effective"].get<double>());
    EXPECT_EQ(score.bonus_floored, expected["diag"].value("bonus_floor_applied", false));
    EXPECT_EQ(score.penalty_capped, expected["diag"].value("penalty_cap_applied", false));
  }
  EXPECT_EQ(left_out, kOtherSettings.size());
  EXPECT_EQ(scored + failed, 94 - static_cast<int>(kOtherSettings.size()));
  EXPECT_GE(failed, 12);
}

TEST(ClaimedAnswer, ANaNTotalBuysNothing) {
  EXPECT_EQ(grade(R"({"positive_total":NaN,"negative_total":1})").failure, JudgeFailure::kInvalid);
  EXPECT_EQ(grade(R"({"positive_total":50,"negative_total":1,"bonus_total":"nan"})").failure,
            JudgeFailure::kInvalid);
}

TEST(ClaimedAnswer, IsReadInOurFormWithTotals) {
  Json json = answer_with(3);
  json["penalty"]["score"] = 2;
  json.update({{"positive_total", 18}, {"negative_total", 30}, {"bonus_total", 0}});
  const Grade result = grade(json.dump());
  ASSERT_TRUE(result.verdict);
  EXPECT_EQ(result.verdict->claimed->penalty, 2) << "its score, where the total is missing";
  EXPECT_EQ(result.verdict->negative[1], 3);
  EXPECT_TRUE(result.verdict->has_all_points);
  EXPECT_TRUE(result.flags.empty());
}

TEST(ClaimedAnswer, SaysWhatIsWrongWithTheTotalsThatItTakes) {
  Json json = published_answer_with(3);
  json.update(
      {{"positive_total", 90}, {"negative_total", 30}, {"bonus_total", 0}, {"penalty_total", 0}});
  const Grade wrong = grade(json.dump());
  EXPECT_EQ(wrong.verdict->claimed->positive, 90);
  EXPECT_EQ(wrong.flags, std::vector<std::string>{"judge_arithmetic"});
  const Grade few = grade(R"({"positive_total":90,"negative_total":30})");
  EXPECT_FALSE(few.verdict->has_all_points);
  EXPECT_EQ(few.flags, std::vector<std::string>{"points_missing"});
}

// tests/golden/reward/README.md: where totals are recomputed, answers without dimensions are
// invalid.
TEST(ClaimedAnswer, WithoutPointsIsInvalidWhereTotalsAreRecomputed) {
  for (const char* text : {R"({"positive_total":70,"negative_total":2})",
                           R"({"positive_total": 1, "negative_total": 2, "positive_total": 70})"})
    EXPECT_EQ(grade_answer({.text = text}, "", shipped_rubric(), {}).failure,
              JudgeFailure::kInvalid);
}

}  // namespace
}  // namespace polaris
