#include <algorithm>
#include <cstdlib>

#include "judge/grade.h"
#include "judge/rubric_score.h"

// What a judging model wrote, under every rule: a verdict within its ranges, or a failure.
extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace polaris;
  static const Rubric kRubric = load_rubric(POLARIS_SOURCE_DIR "/prompts");
  const auto require = [](bool condition) {
    if (!condition) std::abort();
  };
  const auto within = [](const auto& points, const auto& maxima) {
    for (std::size_t i = 0; i < points.size(); ++i) {
      if (points[i] < 0 || points[i] > maxima[i]) return false;
    }
    return true;
  };
  const std::string text(reinterpret_cast<const char*>(data), size);
  for (const TotalsRule totals : {TotalsRule::kRecomputed, TotalsRule::kAsClaimed}) {
    const Grade grade =
        grade_answer({.text = text}, "Mara set the lamp on the sill.", kRubric, {.totals = totals});
    require(grade.verdict.has_value() != grade.failure.has_value());
    require(grade.quotes_verified <= grade.quotes_checked);
    if (!grade.verdict) continue;
    const Verdict& verdict = *grade.verdict;
    require(verdict.claimed.has_value() == (totals == TotalsRule::kAsClaimed));
    require(within(verdict.positive, kPositiveMax) && within(verdict.negative, kNegativeMax));
    require(std::max(verdict.bonus, verdict.penalty) <= kCatchAllMax);
    require(std::min(verdict.bonus, verdict.penalty) >= 0);
    const double overall = rubric_score(verdict).overall;
    require(overall >= kLowestOverall && overall <= kHighestOverall);
  }
  return 0;
}
