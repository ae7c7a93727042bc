// Between the judge and the reward: how a judge is set up for this reward, and what its reply is
// worth in it.
#pragma once

#include <optional>
#include <string>

#include "judge/judgement.h"
#include "reward/reward_config.h"

namespace polaris {

/// The shipped rubric with this reward's rules.
/// @throws Error{kIo, kInvalidData} if the rubric is not where the program's assets are
JudgeSetup judge_setup(const RewardConfig& config, std::string run_id);

/// The mean over a reply's verdicts of overall / divisor, the lowest overall for a policy's story
/// that the optional gate disqualifies. Absent without a verdict: nothing is made up.
/// Source: specs/recipe.md 6.2.
std::optional<double> story_quality(const JudgeReply& reply, const JudgeRequest& request,
                                    const StoryQualityRule& rule);

}  // namespace polaris
