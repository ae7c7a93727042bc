#include "judge/judgement_record.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "judge/judge_testing.h"

namespace polaris {
namespace {

JudgementRecord example() {
  const Verdict verdict{.positive = kPositiveMax, .bonus = 4};
  return {.run_id = "r",
          .task = "story_quality",
          .item_id = 17,
          .sample = 2,
          .writer = "polaris-9b",
          .judge = {.provider = "gemini",
                    .model = "gemini-3-flash-preview",
                    .served_model = "gemini-3-flash-preview-001",
                    .effort = "medium",
                    .temperature = 0.2},
          .prompt_hash = "aa",
          .request_hash = "bb",
          .attempt = 3,
          .raw_text = "```json\n{}\n```",
          .parsed = Json::object(),
          .scores = scores_json(shipped_rubric(), verdict, rubric_score(verdict)),
          .flags = {"unsupported:N2"},
          .usage = {.input_tokens = 7000,
                    .cached_input_tokens = 3500,
                    .output_tokens = 4500,
                    .reasoning_tokens = 2000},
          .service_tier = "flex",
          .cost_usd = 0.0125,
          .price_date = "2026-07-04",
          .latency_ms = 41234,
          .request_id = "r-1",
          .started_at = "2026-06-04T09:05:00Z"};
}

TEST(JudgementRecord, SurvivesBeingWrittenAndRead) {
  const Json json = to_json(example());
  EXPECT_EQ(to_json(judgement_from_json(Json::parse(json.dump()), "x:1")), json);
  EXPECT_EQ(json["item_id"], 17) << "an id keeps its type";
  EXPECT_EQ(json["usage"]["total"], 11500);
  EXPECT_EQ(json["judge"]["seed"], nullptr);
  EXPECT_EQ(json["position"], nullptr);
  EXPECT_EQ(json["failure"], nullptr);
}

TEST(JudgementRecord, HasTheFieldsOfTheSpecification) {
  const Json json = to_json(example());
  for (const char* key :
       {"run_id",      "task",         "item_id",    "sample",       "writer",   "judge",
        "prompt_hash", "request_hash", "attempt",    "position",     "raw_text", "parsed",
        "scores",      "flags",        "usage",      "service_tier", "cost_usd", "price_date",
        "latency_ms",  "request_id",   "started_at", "failure"})
    EXPECT_TRUE(json.contains(key)) << key;
}

TEST(JudgementRecord, AFailureIsKeptByNameAndHasNoScores) {
  JudgementRecord record = example();
  record.failure = JudgeFailure::kTruncated;
  record.scores = Json();
  record.cost_usd.reset();
  const Json json = to_json(record);
  EXPECT_EQ(json["failure"], "truncated");
  EXPECT_EQ(json["cost_usd"], nullptr);
  const JudgementRecord read = judgement_from_json(json, "x:1");
  EXPECT_EQ(read.failure, JudgeFailure::kTruncated);
  EXPECT_TRUE(read.scores.is_null());
  EXPECT_FALSE(read.cost_usd);
}

TEST(JudgementRecord, IsRefusedByPlaceAndMember) {
  const auto refusal = [](const std::function<void(Json&)>& change) -> std::string {
    Json json = to_json(example());
    change(json);
    try {
      judgement_from_json(json, "judgements.jsonl:17");
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ErrorCode::kInvalidData);
      EXPECT_TRUE(std::string_view(e.what()).starts_with("judgements.jsonl:17: "));
      return e.what();
    }
    return "accepted";
  };
  EXPECT_EQ(refusal([](Json& json) { json["more"] = 1; }), "accepted");
  EXPECT_NE(refusal([](Json& json) { json.erase("raw_text"); }).find("raw_text"),
            std::string::npos);
  EXPECT_NE(refusal([](Json& json) { json["usage"]["input"] = "x"; }), "accepted");
  EXPECT_NE(refusal([](Json& json) { json["failure"] = "tired"; }).find("tired"),
            std::string::npos);
  EXPECT_NE(refusal([](Json& json) { json = Json::array(); }), "accepted");
}

TEST(Scores, HoldPointsTotalsAndLabel) {
  Verdict verdict{.positive = {10, 13, 8, 7, 6, 5}, .negative = {3, 9}, .bonus = 2, .penalty = 6};
  const Json scores = scores_json(shipped_rubric(), verdict, rubric_score(verdict));
  EXPECT_EQ(scores["points"]["arc_pacing_ending"], 13);
  EXPECT_EQ(scores["points"]["incoherence_continuity"], 9);
  EXPECT_EQ(scores["points"].size(), 16U);
  EXPECT_EQ(scores["positive_total"], 49);
  EXPECT_EQ(scores["negative_total"], 12);
  EXPECT_EQ(scores["bonus"], 2);
  EXPECT_EQ(scores["penalty"], 6);
  EXPECT_EQ(scores["penalty_effective"], 3);
  EXPECT_EQ(scores["overall"], 36);
  EXPECT_EQ(scores["label"], "fair");
  EXPECT_EQ(scores["overall_reference_eval"], 39);
  verdict.has_all_points = false;
  EXPECT_EQ(scores_json(shipped_rubric(), verdict, rubric_score(verdict))["points"], nullptr);
}

TEST(FailureNames, AreReadAsTheyAreWritten) {
  for (const auto* name : {"transport", "timeout", "refused", "blocked", "truncated", "unparseable",
                           "invalid", "empty"})
    EXPECT_EQ(failure_name(failure_named(name).value()), name);
  EXPECT_EQ(failure_named("unknown"), std::nullopt);
}

}  // namespace
}  // namespace polaris
