#include "judge/claimed_answer.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string>
#include <utility>

#include "base/strings.h"
#include "judge/answer_schema.h"
#include "judge/lenient_json.h"
#include "judge/published_text.h"

namespace polaris {
namespace {

/// A number as Python sees it: true is 1.
std::optional<double> number_of(const Json& value) {
  if (value.is_boolean()) return value.get<bool>() ? 1.0 : 0.0;
  if (value.is_number()) return value.get<double>();
  return std::nullopt;
}

/// The same, and a string that is all number: what the published rule takes for bonus and penalty.
std::optional<double> number_or_text(const Json& value) {
  if (!value.is_string()) return number_of(value);
  const std::string_view text = trim(value.get_ref<const std::string&>());
  double number = 0.0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool is_all = error == std::errc() && end == text.data() + text.size();
  return is_all && !std::isnan(number) ? std::optional(number) : std::nullopt;
}

/// Bonus or penalty: its total if there is one, else its score; null and absent are 0.
/// Absent: there is something that is no number.
std::optional<double> adjustment_total(const Json& object, const std::string& total_key,
                                       const RubricAdjustment& one) {
  const Json* value = &member(object, total_key);
  if (!object.contains(total_key)) {
    value = &member(object, one.published.score);
    if (value->is_null()) value = &member(member(object, one.key), "score");
  }
  return value->is_null() ? 0.0 : number_or_text(*value);
}

/// Points as far as they go. False if they are not a whole number within the range.
bool read_points(const Json& value, std::int64_t max, std::int64_t& points) {
  const auto number = number_of(value);
  if (!number || !std::isfinite(*number)) return false;
  points = static_cast<std::int64_t>(std::clamp(*number, 0.0, static_cast<double>(max)));
  return !value.is_boolean() && static_cast<double>(points) == *number;
}

void read_all_points(const Json& object, const Rubric& rubric, Verdict& verdict) {
  const auto read = [&](const Json& published, const std::string& key, std::int64_t max,
                        std::int64_t& points) {
    const Json& value = published.is_null() ? member(member(object, key), "score") : published;
    if (!read_points(value, max, points)) verdict.has_all_points = false;
  };
  const auto read_each = [&](const std::vector<RubricDimension>& dimensions, auto& points) {
    for (std::size_t i = 0; i < points.size(); ++i) {
      const RubricDimension& one = dimensions[i];
      read(member(object, one.published + "_score"), one.key, one.max, points[i]);
    }
  };
  read_each(rubric.positive, verdict.positive);
  read_each(rubric.negative, verdict.negative);
  for (const auto& [one, points] :
       {std::pair{&rubric.bonus, &verdict.bonus}, std::pair{&rubric.penalty, &verdict.penalty}})
    read(member(object, one->published.score), one->key, one->max, *points);
}

}  // namespace

AnswerResult read_claimed_answer(std::string_view text, const Rubric& rubric) {
  auto found = find_published_answer(text);
  if (auto* problem = std::get_if<AnswerProblem>(&found)) return std::move(*problem);
  Answer answer{.has_quotes = false, .object = std::get<Json>(std::move(found))};
  const auto invalid = [](std::string message) {
    return AnswerProblem{.failure = JudgeFailure::kInvalid, .message = std::move(message)};
  };
  constexpr const char* kWrapper = "global_evaluation";
  const Json& object = answer.object.contains(kWrapper) ? answer.object[kWrapper] : answer.object;
  const auto positive = number_of(member(object, kTotalKeys.positive));
  const auto negative = number_of(member(object, kTotalKeys.negative));
  if (!positive || !negative)
    return invalid("the answer lacks positive_total or negative_total as a number");
  const auto bonus = adjustment_total(object, kTotalKeys.bonus, rubric.bonus);
  const auto penalty = adjustment_total(object, kTotalKeys.penalty, rubric.penalty);
  if (!bonus || !penalty) return invalid("bonus_total or penalty_total is not a number");
  answer.verdict.claimed = ClaimedTotals{
      .positive = *positive, .negative = *negative, .bonus = *bonus, .penalty = *penalty};
  answer.reported = answer.verdict.claimed;
  read_all_points(object, rubric, answer.verdict);
  return answer;
}

std::optional<ClaimedTotals> reported_totals(const Json& object) {
  const auto positive = number_of(member(object, kTotalKeys.positive));
  const auto negative = number_of(member(object, kTotalKeys.negative));
  const auto bonus = number_of(member(object, kTotalKeys.bonus));
  const auto penalty = number_of(member(object, kTotalKeys.penalty));
  if (!positive || !negative || !bonus || !penalty) return std::nullopt;
  return ClaimedTotals{
      .positive = *positive, .negative = *negative, .bonus = *bonus, .penalty = *penalty};
}

}  // namespace polaris
