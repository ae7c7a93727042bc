#include "judge/answer.h"

#include <gtest/gtest.h>

#include "judge/judge_testing.h"

namespace polaris {
namespace {

AnswerResult read(const std::string& text) {
  return read_answer(text, shipped_rubric(), TotalsRule::kRecomputed);
}

/// What is said about an answer in our form after a change.
std::string problem_after(const std::function<void(Json&)>& change) {
  Json answer = answer_with(3);
  change(answer);
  const AnswerResult result = read(answer.dump());
  const auto* problem = std::get_if<AnswerProblem>(&result);
  if (problem == nullptr) return "accepted";
  EXPECT_EQ(problem->failure, JudgeFailure::kInvalid);
  return problem->message;
}

TEST(Answer, IsReadInOurForm) {
  Json json = answer_with(3);
  json["arc_pacing_ending"] = {{"quotes", {"a", "b"}}, {"why", "W"}, {"score", 17}};
  json["bonus"] = {
      {"claim", "C"}, {"quotes", {"q"}}, {"nearest", "P4"}, {"why_not_covered", "N"}, {"score", 5}};
  const AnswerResult result = read("Gladly:\n```json\n" + json.dump(2) + "\n```");
  const auto& answer = std::get<Answer>(result);
  EXPECT_EQ(answer.verdict.positive, (std::array<std::int64_t, 6>{3, 17, 3, 3, 3, 3}));
  EXPECT_EQ(answer.verdict.negative[9], 3);
  EXPECT_EQ(answer.verdict.bonus, 5);
  EXPECT_EQ(answer.positive[1].quotes, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(answer.positive[1].why, "W");
  EXPECT_EQ(answer.bonus.claim, "C");
  EXPECT_EQ(answer.bonus.nearest, "P4");
  EXPECT_EQ(answer.comment, "A story.");
  EXPECT_TRUE(answer.has_quotes);
  EXPECT_FALSE(answer.reported);
  EXPECT_FALSE(answer.verdict.claimed);
  EXPECT_EQ(answer.object, json);
}

TEST(Answer, TakesEveryNumberThatIsPlainlyWhole) {
  const auto accepts = [](const Json& score) {
    return problem_after([&](Json& a) { a["voice_style"]["score"] = score; }) == "accepted";
  };
  EXPECT_TRUE(accepts(15));
  EXPECT_TRUE(accepts(15.0));
  EXPECT_TRUE(accepts("15"));
  EXPECT_TRUE(accepts(" 7 "));
  for (const Json& score :
       {Json(16), Json(-1), Json(7.5), Json("7.5"), Json("-1"), Json("seven"), Json(""), Json(true),
        Json(), Json::array({7}), Json(1e300), Json("99999999999999999999")})
    EXPECT_FALSE(accepts(score)) << score;
}

TEST(Answer, IsInvalidByNameWhereItBreaksTheForm) {
  EXPECT_EQ(problem_after([](Json&) {}), "accepted");
  EXPECT_EQ(problem_after([](Json& a) { a.erase("drift_bloat"); }),
            "the answer lacks \"drift_bloat\" of the rubric");
  EXPECT_EQ(problem_after([](Json& a) { a["drift_bloat"].erase("score"); }),
            "the answer lacks \"score\" of drift_bloat");
  EXPECT_EQ(problem_after([](Json& a) { a["drift_bloat"] = 7; }), "drift_bloat is not an object");
  EXPECT_EQ(problem_after([](Json& a) { a["drift_bloat"]["score"] = 21; }),
            "the score of drift_bloat is 21, not a whole number from 0 to 20");
  EXPECT_EQ(problem_after([](Json& a) { a["drift_bloat"]["quotes"] = "q"; }),
            "\"quotes\" of drift_bloat is not a list of texts");
  EXPECT_EQ(problem_after([](Json& a) { a["drift_bloat"]["quotes"] = {1}; }),
            "\"quotes\" of drift_bloat is not a list of texts");
  EXPECT_EQ(problem_after([](Json& a) { a["drift_bloat"]["why"] = nullptr; }),
            "\"why\" of drift_bloat is not text");
  EXPECT_EQ(problem_after([](Json& a) { a.erase("penalty"); }),
            "the answer lacks \"penalty\" of the rubric");
  EXPECT_EQ(problem_after([](Json& a) { a.erase("overall_comment"); }),
            "the answer lacks \"overall_comment\" of the rubric");
  EXPECT_EQ(problem_after([](Json& a) { a["more"] = 1; }), "accepted");
}

TEST(Answer, IsReadInThePublishedForm) {
  Json json = published_answer_with(4);
  json["bonus_score"] = 2;
  json["bonus_target_excellence"] = "C";
  json["bonus_evidence"] = {"q"};
  json["overall_justification"] = "O";
  for (const Json& whole : {json, Json{{"global_evaluation", json}}}) {
    const AnswerResult result = read(whole.dump());
    const auto& answer = std::get<Answer>(result);
    EXPECT_EQ(answer.verdict.positive[5], 4);
    EXPECT_EQ(answer.verdict.bonus, 2);
    EXPECT_EQ(answer.bonus.claim, "C");
    EXPECT_EQ(answer.bonus.quotes, std::vector<std::string>{"q"});
    EXPECT_EQ(answer.positive[0].why, "noted");
    EXPECT_EQ(answer.comment, "O");
    EXPECT_FALSE(answer.has_quotes);
  }
}

// The strict reading of the answers that golden/eval holds for the reference's evaluation, whose
// own results are named where they differ.
TEST(Answer, ReadsTheGoldenAnswersOfTheReferencesEvaluationStrictly) {
  const std::map<std::string, std::string> refused = {
      {"sq_parse/floats", "invalid"},        // the reference cuts fractions off
      {"sq_parse/float_string", "invalid"},  // the same
      {"sq_parse/bool", "invalid"},          // the reference takes true for a number
      {"sq_parse/missing_dim", "invalid"},   // the reference stores null
      {"sq_parse/out_of_range", "invalid"},  // the reference checks no range
      {"sq_parse/empty", "unparseable"},     // null everywhere in the reference, as below
      {"sq_parse/refusal", "unparseable"},   {"sq_parse/list", "unparseable"},
      {"sq_parse/truncated", "unparseable"},
  };
  int compared = 0;
  for (const OrderedJson& c : golden_eval_cases("sq_parse_response")) {
    const auto name = c["name"].get<std::string>();
    SCOPED_TRACE(name);
    const OrderedJson& output = c["input"]["judge_output"];
    if (output.is_null()) continue;  // no answer at all
    const AnswerResult result =
        read(output.is_string() ? output.get<std::string>() : output.dump());
    if (const auto known = refused.find(name); known != refused.end()) {
      ASSERT_TRUE(std::holds_alternative<AnswerProblem>(result));
      EXPECT_EQ(failure_name(std::get<AnswerProblem>(result).failure), known->second);
      continue;
    }
    ASSERT_TRUE(std::holds_alternative<Answer>(result));
    const Verdict& verdict = std::get<Answer>(result).verdict;
    for (std::size_t i = 0; i < 16; ++i) {
      const auto& rubric = shipped_rubric();
      const auto& one = i < 6 ? rubric.positive[i] : rubric.negative[i - 6];
      const auto points = i < 6 ? verdict.positive[i] : verdict.negative[i - 6];
      const OrderedJson expected = c["expected"].value(one.published + "_score", OrderedJson());
      if (expected.is_null()) continue;  // prose or a wrapper around it: lost in the reference
      EXPECT_EQ(points, expected.get<std::int64_t>());
      ++compared;
    }
  }
  EXPECT_GE(compared, 10 * 16);
}

}  // namespace
}  // namespace polaris
