#include "judge/grade.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/strings.h"
#include "judge/quotes.h"
#include "judge/rubric_score.h"
#include "text/strip.h"

namespace polaris {
namespace {

/// Looks an answer's quotes up and notes what it finds.
class EvidenceCheck {
 public:
  EvidenceCheck(std::string_view story, const Rubric& rubric, Grade& grade)
      : checker_(story, rubric.quote_max_words), rubric_(rubric), grade_(grade) {}

  /// How many of the quotes are in the story.
  int verified(const std::vector<std::string>& quotes, const std::string& id) {
    const auto allowed = static_cast<std::size_t>(rubric_.quotes_max);
    if (quotes.size() > allowed) flag("extra_quotes", id);
    int verified = 0;
    for (std::size_t i = 0; i < std::min(quotes.size(), allowed); ++i) {
      const QuoteStatus status = checker_.status(quotes[i]);
      ++grade_.quotes_checked;
      verified += is_verified(status) ? 1 : 0;
      if (status != QuoteStatus::kExact)
        flag(fmt::format("quote_{}", quote_status_name(status)), id);
    }
    grade_.quotes_verified += verified;
    return verified;
  }

  void nearest(const RubricAdjustment& one, const AdjustmentNote& note,
               const std::vector<RubricDimension>& side) {
    const auto is_it = [&](const RubricDimension& dimension) {
      return dimension.id == note.nearest;
    };
    if (note.nearest != "none" && std::ranges::none_of(side, is_it))
      flag("nearest_unknown", one.id);
  }

  void dimension(const RubricDimension& one, std::int64_t points, const DimensionNote& note) {
    const bool is_fault = one.id.starts_with('N');
    if (verified(note.quotes, one.id) == 0 && is_fault && points > 0) flag("unsupported", one.id);
  }

  void adjustment(const RubricAdjustment& one, const AdjustmentNote& note, std::int64_t& points) {
    const int found = verified(note.quotes, one.id);
    if (points == 0) return;
    if (!strip(note.claim).empty() && (points < 2 || found > 0)) return;
    flag("adjustment_void", one.id);
    points = 0;
  }

 private:
  void flag(std::string_view what, const std::string& id) {
    std::string text = fmt::format("{}:{}", what, id);
    if (std::ranges::find(grade_.flags, text) == grade_.flags.end())
      grade_.flags.push_back(std::move(text));
  }

  QuoteChecker checker_;
  const Rubric& rubric_;
  Grade& grade_;
};

bool is_sum_of(const ClaimedTotals& totals, const Verdict& verdict) {
  const RubricScore score = rubric_score(verdict);
  return totals.positive == score.positive && totals.negative == score.negative &&
         totals.bonus == static_cast<double>(verdict.bonus) &&
         totals.penalty == static_cast<double>(verdict.penalty);
}

void check_evidence(Answer& answer, std::string_view story, const Rubric& rubric, Grade& grade) {
  Verdict& verdict = answer.verdict;
  EvidenceCheck check(story, rubric, grade);
  if (answer.has_quotes) {
    for (std::size_t i = 0; i < verdict.positive.size(); ++i)
      check.dimension(rubric.positive[i], verdict.positive[i], answer.positive[i]);
    for (std::size_t i = 0; i < verdict.negative.size(); ++i)
      check.dimension(rubric.negative[i], verdict.negative[i], answer.negative[i]);
    check.nearest(rubric.bonus, answer.bonus, rubric.positive);
    check.nearest(rubric.penalty, answer.penalty, rubric.negative);
  }
  check.adjustment(rubric.bonus, answer.bonus, verdict.bonus);
  check.adjustment(rubric.penalty, answer.penalty, verdict.penalty);
}

Grade failed(JudgeFailure failure, std::string message) {
  return {.failure = failure, .message = std::move(message)};
}

/// The failures that need no look at the text.
std::optional<Grade> without_reading(const ModelAnswer& answer, const GradeRule& rule) {
  const bool is_empty = strip(answer.text).empty();
  if (is_empty && rule.empty_answer == EmptyAnswer::kZero) {
    const Verdict zero{.claimed = ClaimedTotals{}, .has_all_points = false};
    return Grade{.verdict = zero, .flags = {"empty_as_zero"}};
  }
  switch (answer.finish) {
    case ModelFinish::kRefused:
      return failed(JudgeFailure::kRefused, "the judge refused: " + shorten(answer.refusal, 200));
    case ModelFinish::kBlocked:
      return failed(JudgeFailure::kBlocked,
                    "the vendor's filter stopped the answer: " + shorten(answer.refusal, 200));
    case ModelFinish::kLength:
      return failed(JudgeFailure::kTruncated,
                    "the answer reached the output limit; raise judge.max_output_tokens");
    case ModelFinish::kStop:
      break;
  }
  if (is_empty) return failed(JudgeFailure::kEmpty, "the answer is empty");
  return std::nullopt;
}

}  // namespace

Grade grade_answer(const ModelAnswer& answer, std::string_view story, const Rubric& rubric,
                   const GradeRule& rule) {
  if (auto grade = without_reading(answer, rule)) return *std::move(grade);
  AnswerResult result = read_answer(answer.text, rubric, rule.totals);
  if (auto* problem = std::get_if<AnswerProblem>(&result))
    return failed(problem->failure, std::move(problem->message));
  auto& read = std::get<Answer>(result);
  Grade grade;
  if (!read.verdict.has_all_points) grade.flags.emplace_back("points_missing");
  if (read.reported && read.verdict.has_all_points) {
    Verdict points = read.verdict;
    points.claimed.reset();
    if (!is_sum_of(*read.reported, points)) grade.flags.emplace_back("judge_arithmetic");
  }
  if (rule.totals == TotalsRule::kRecomputed) check_evidence(read, story, rubric, grade);
  grade.verdict = read.verdict;
  grade.parsed = std::move(read.object);
  return grade;
}

}  // namespace polaris
