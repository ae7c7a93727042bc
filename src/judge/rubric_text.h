#pragma once

#include <string>

#include "judge/rubric.h"

namespace polaris {

/// Who adds the points up (specs/config.md reward.story_quality_rule.totals).
enum class TotalsRule {
  kRecomputed,  ///< the program; the judge is never asked for a total
  kAsClaimed,   ///< the judge, as published: the form asks for four totals, and they count
};

/// The rubric as the judge reads it: the system message, in Markdown.
/// @throws Error{kInvalidData} if the instructions have an unknown or unfilled {{place}}
std::string rubric_text(const Rubric& rubric, TotalsRule totals);

}  // namespace polaris
