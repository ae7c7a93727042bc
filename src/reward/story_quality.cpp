#include "reward/story_quality.h"

#include "base/assets.h"
#include "text/words.h"

namespace polaris {
namespace {

ScoreRule score_rule(const StoryQualityRule& rule) {
  return {.bonus_floor = rule.bonus_floor, .penalty_cap = rule.penalty_cap};
}

}  // namespace

JudgeSetup judge_setup(const RewardConfig& config, std::string run_id) {
  const StoryQualityRule& rule = config.story_quality_rule;
  return {.rubric = load_rubric(find_asset("../prompts")),
          .totals = rule.totals == JudgeTotals::kAsClaimed ? TotalsRule::kAsClaimed
                                                           : TotalsRule::kRecomputed,
          .length_sentence = rule.length_sentence == LengthSentence::kRestOfPrompt
                                 ? LengthSentenceRule::kRestOfPrompt
                                 : LengthSentenceRule::kThatSentence,
          .score_rule = score_rule(rule),
          .run_id = std::move(run_id)};
}

std::optional<double> story_quality(const JudgeReply& reply, const JudgeRequest& request,
                                    const StoryQualityRule& rule) {
  if (!reply.verdict) return std::nullopt;
  const bool may_be_disqualified = rule.disqualify && request.origin == StoryOrigin::kPolicy;
  const std::int64_t words = may_be_disqualified ? count_pieces(request.story) : 0;
  const auto overall = [&](const Verdict& verdict) {
    if (may_be_disqualified && is_disqualified(verdict, words, request.target_words))
      return kLowestOverall;
    return rubric_score(verdict, score_rule(rule)).overall;
  };
  double sum = overall(*reply.verdict);
  for (const Verdict& verdict : reply.further) sum += overall(verdict);
  return sum / static_cast<double>(1 + reply.further.size()) / rule.divisor;
}

}  // namespace polaris
