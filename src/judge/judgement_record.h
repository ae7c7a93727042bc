#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "judge/judge.h"
#include "judge/rubric.h"
#include "judge/rubric_score.h"

namespace polaris {

/// One call of a judge, whatever came of it: every score can be computed again from it.
/// Source: specs/evaluation.md 1.2.
struct JudgementRecord {
  struct Judge {
    std::string provider;
    std::string model;
    std::optional<std::string> served_model;
    std::string effort;
    double temperature = 0.0;
    std::optional<std::int64_t> seed;
  };

  std::string run_id;
  std::string task;  ///< "story_quality"
  Json item_id;      ///< keeps its JSON type
  std::int64_t sample = 0;
  std::string writer;  ///< the model that wrote the story
  Judge judge;
  std::string prompt_hash;   ///< SHA-256 of the user message; records_of() computes it
  std::string request_hash;  ///< see request_hash() in dialect.h
  int attempt = 1;
  std::optional<int> position;  ///< of the story in a pair; pairwise tasks only
  std::string raw_text;
  Json parsed;  ///< the answer's object; null if none was read
  Json scores;  ///< see scores_json(); null if the answer does not count
  std::optional<JudgeFailure> failure;
  std::vector<std::string> flags;
  JudgeUsage usage;
  std::optional<std::string> service_tier;
  std::optional<double> cost_usd;         ///< absent: the price is not known
  std::optional<std::string> price_date;  ///< of the price that cost_usd was computed with
  std::int64_t latency_ms = 0;
  std::optional<std::string> request_id;
  std::string started_at;  ///< "2026-06-04T09:05:00Z"
};

/// One object; what is absent is null.
Json to_json(const JudgementRecord& record);

/// @param where  names the record in errors: "judgements.jsonl:17"
/// @throws Error{kInvalidData} naming the member that is missing or of another type; further
///         members are ignored
JudgementRecord judgement_from_json(const Json& json, const std::string& where);

/// {"points": {key: points}, "bonus", "penalty", "positive_total", "negative_total",
///  "bonus_effective", "penalty_effective", "overall", "label", "overall_reference_eval"}.
/// `points` holds P1-P6 and N1-N10 and is null where the answer left some of them out.
Json scores_json(const Rubric& rubric, const Verdict& verdict, const RubricScore& score);

/// The failure with that name (failure_name).
std::optional<JudgeFailure> failure_named(std::string_view name);

}  // namespace polaris
