#include "judge/answer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <span>

#include "base/strings.h"
#include "judge/answer_schema.h"
#include "judge/claimed_answer.h"

namespace polaris {
namespace {

/// A whole number however it is written: 7, 7.0, "7".
std::optional<std::int64_t> whole_number(const Json& value) {
  constexpr double kLargest = 1e9;
  if (value.is_string()) {
    const std::string_view digits = trim(value.get_ref<const std::string&>());
    const bool is_plain = !digits.empty() && digits.size() < 10 &&
                          digits.find_first_not_of("0123456789") == std::string_view::npos;
    return is_plain ? std::optional(std::stoll(std::string(digits))) : std::nullopt;
  }
  if (!value.is_number()) return std::nullopt;
  const auto number = value.get<double>();
  if (!(std::abs(number) <= kLargest) || number != std::floor(number)) return std::nullopt;
  return static_cast<std::int64_t>(number);
}

/// Reads members of objects; keeps the first thing that is wrong.
class Reader {
 public:
  std::int64_t points(const Json& object, const std::string& key, const std::string& id,
                      std::int64_t max) {
    const auto number = whole_number(member(object, key, id));
    if (number && *number >= 0 && *number <= max) return *number;
    wrong("the score of {} is {}, not a whole number from 0 to {}", id,
          shorten(dump_json(member(object, key, id)), 40), max);
    return 0;
  }

  std::string text(const Json& object, const std::string& key, const std::string& id) {
    const Json& value = member(object, key, id);
    if (value.is_string()) return value.get<std::string>();
    wrong("\"{}\" of {} is not text", key, id);
    return "";
  }

  std::vector<std::string> texts(const Json& object, const std::string& key,
                                 const std::string& id) {
    const Json& value = member(object, key, id);
    const auto is_text = [](const Json& one) { return one.is_string(); };
    if (value.is_array() && std::ranges::all_of(value, is_text))
      return value.get<std::vector<std::string>>();
    wrong("\"{}\" of {} is not a list of texts", key, id);
    return {};
  }

  const Json& member(const Json& object, const std::string& key, const std::string& id) {
    static const Json kNothing;
    if (!object.is_object()) {
      wrong("{} is not an object", id);
      return kNothing;
    }
    const auto found = object.find(key);
    if (found != object.end()) return *found;
    wrong("the answer lacks \"{}\" of {}", key, id);
    return kNothing;
  }

  const std::optional<std::string>& problem() const { return problem_; }

 private:
  template <class... Values>
  void wrong(fmt::format_string<const Values&...> format, const Values&... values) {
    if (!problem_) problem_ = fmt::format(format, values...);
  }

  std::optional<std::string> problem_;
};

void read_own(Reader& reader, const Json& object, const Rubric& rubric, Answer& answer) {
  const auto read = [&](const RubricDimension& one, std::int64_t& points, DimensionNote& note) {
    const Json& entry = reader.member(object, one.key, "the rubric");
    points = reader.points(entry, "score", one.key, one.max);
    note = {.quotes = reader.texts(entry, "quotes", one.key),
            .why = reader.text(entry, "why", one.key)};
  };
  const auto adjust = [&](const RubricAdjustment& one, std::int64_t& points, AdjustmentNote& note) {
    const Json& entry = reader.member(object, one.key, "the rubric");
    points = reader.points(entry, "score", one.key, one.max);
    note = {.claim = reader.text(entry, "claim", one.key),
            .quotes = reader.texts(entry, "quotes", one.key),
            .nearest = reader.text(entry, "nearest", one.key),
            .why_not_covered = reader.text(entry, "why_not_covered", one.key)};
  };
  Verdict& verdict = answer.verdict;
  for (std::size_t i = 0; i < verdict.positive.size(); ++i)
    read(rubric.positive[i], verdict.positive[i], answer.positive[i]);
  for (std::size_t i = 0; i < verdict.negative.size(); ++i)
    read(rubric.negative[i], verdict.negative[i], answer.negative[i]);
  adjust(rubric.bonus, verdict.bonus, answer.bonus);
  adjust(rubric.penalty, verdict.penalty, answer.penalty);
  answer.comment = reader.text(object, "overall_comment", "the rubric");
}

/// The published form. Texts that it lacks are empty: only its points are needed.
void read_published(Reader& reader, const Json& object, const Rubric& rubric, Answer& answer) {
  const auto text = [&](const std::string& key) {
    return object.contains(key) ? reader.text(object, key, "the rubric") : std::string();
  };
  const auto read = [&](const RubricDimension& one, std::int64_t& points, DimensionNote& note) {
    points = reader.points(object, one.published + "_score", one.id, one.max);
    note.why = text(one.published + "_justification");
  };
  const auto adjust = [&](const RubricAdjustment& one, std::int64_t& points, AdjustmentNote& note) {
    const RubricAdjustment::Published& name = one.published;
    points = reader.points(object, name.score, one.id, one.max);
    note = {.claim = text(name.claim),
            .nearest = text(name.nearest),
            .why_not_covered = text(name.why_not_covered)};
    if (object.contains(name.quotes)) note.quotes = reader.texts(object, name.quotes, one.id);
  };
  Verdict& verdict = answer.verdict;
  for (std::size_t i = 0; i < verdict.positive.size(); ++i)
    read(rubric.positive[i], verdict.positive[i], answer.positive[i]);
  for (std::size_t i = 0; i < verdict.negative.size(); ++i)
    read(rubric.negative[i], verdict.negative[i], answer.negative[i]);
  adjust(rubric.bonus, verdict.bonus, answer.bonus);
  adjust(rubric.penalty, verdict.penalty, answer.penalty);
  answer.comment = text("overall_justification");
  answer.has_quotes = false;
}

bool is_published_form(const Json& object, const Rubric& rubric) {
  const auto has = [&](const RubricDimension& one) {
    return object.contains(one.published + "_score");
  };
  return std::ranges::any_of(rubric.positive, has) || std::ranges::any_of(rubric.negative, has);
}

AnswerMatch match(const Json& object, const Rubric& rubric) {
  const bool published = is_published_form(object, rubric);
  std::size_t there = 0;
  for (const auto* dimensions : {&rubric.positive, &rubric.negative}) {
    for (const RubricDimension& one : *dimensions)
      there += object.contains(published ? one.published + "_score" : one.key) ? 1 : 0;
  }
  if (there == 0) return AnswerMatch::kNone;
  for (const RubricAdjustment* one : {&rubric.bonus, &rubric.penalty})
    there += object.contains(published ? one->published.score : one->key) ? 1 : 0;
  const std::size_t all = rubric.positive.size() + rubric.negative.size() + 2;
  return there == all ? AnswerMatch::kComplete : AnswerMatch::kPartial;
}

}  // namespace

AnswerResult read_answer(std::string_view text, const Rubric& rubric, TotalsRule totals) {
  if (totals == TotalsRule::kAsClaimed) return read_claimed_answer(text, rubric);
  auto found = find_answer(text, [&](const Json& object) { return match(object, rubric); });
  if (auto* problem = std::get_if<AnswerProblem>(&found)) return std::move(*problem);
  Answer answer{.object = std::get<Json>(std::move(found))};
  Reader reader;
  if (is_published_form(answer.object, rubric))
    read_published(reader, answer.object, rubric, answer);
  else
    read_own(reader, answer.object, rubric, answer);
  if (reader.problem())
    return AnswerProblem{.failure = JudgeFailure::kInvalid, .message = *reader.problem()};
  answer.reported = reported_totals(answer.object);
  return answer;
}

}  // namespace polaris
