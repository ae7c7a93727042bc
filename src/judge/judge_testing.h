// What the tests of this folder share.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "judge/answer_schema.h"
#include "judge/rubric.h"
#include "text/golden_text_test.h"

namespace polaris {

/// The shipped rubric.
inline const Rubric& shipped_rubric() {
  static const Rubric kRubric = load_rubric(POLARIS_SOURCE_DIR "/prompts");
  return kRubric;
}

/// The cases of golden/eval/cases.jsonl for one function.
inline std::vector<OrderedJson> golden_eval_cases(const std::string& function) {
  std::vector<OrderedJson> cases;
  for (OrderedJson& row : golden_lines("eval/cases.jsonl")) {
    if (row["function"] == function) cases.push_back(std::move(row));
  }
  EXPECT_FALSE(cases.empty()) << function;
  return cases;
}

/// An answer in our form that gives every dimension `points` (or its maximum), without quotes.
inline Json answer_with(std::int64_t points) {
  const Rubric& rubric = shipped_rubric();
  Json answer;
  for (const auto* dimensions : {&rubric.positive, &rubric.negative}) {
    for (const RubricDimension& one : *dimensions)
      answer[one.key] = {
          {"quotes", Json::array()}, {"why", "noted"}, {"score", std::min(points, one.max)}};
  }
  for (const RubricAdjustment* one : {&rubric.bonus, &rubric.penalty})
    answer[one->key] = {{"claim", ""},
                        {"quotes", Json::array()},
                        {"nearest", "none"},
                        {"why_not_covered", ""},
                        {"score", 0}};
  answer["overall_comment"] = "A story.";
  return answer;
}

/// The same in the published rubric's form.
inline Json published_answer_with(std::int64_t points) {
  const Rubric& rubric = shipped_rubric();
  Json answer;
  for (const auto* dimensions : {&rubric.positive, &rubric.negative}) {
    for (const RubricDimension& one : *dimensions) {
      answer[one.published + "_score"] = std::min(points, one.max);
      answer[one.published + "_justification"] = "noted";
    }
  }
  answer["bonus_score"] = 0;
  answer["penalty_score"] = 0;
  return answer;
}

}  // namespace polaris
