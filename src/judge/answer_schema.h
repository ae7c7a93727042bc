#pragma once

#include "base/json.h"
#include "judge/rubric_text.h"

namespace polaris {

/// The form of an answer as JSON schema (draft 2020-12), generated from the rubric by the rule of
/// specs/evaluation.md 2.4: each dimension in order {quotes, why, score}, then bonus and penalty
/// {claim, quotes, nearest, why_not_covered, score}, then overall_comment. With kAsClaimed the four
/// totals stand before the comment. All keys required, nothing else allowed.
OrderedJson answer_schema(const Rubric& rubric, TotalsRule totals);

/// Four numbers that the judge adds up under kAsClaimed, in the order of the schema.
struct TotalKeys {
  const char* positive = "positive_total";
  const char* negative = "negative_total";
  const char* bonus = "bonus_total";
  const char* penalty = "penalty_total";
};
inline constexpr TotalKeys kTotalKeys;

}  // namespace polaris
