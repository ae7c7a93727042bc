#pragma once

#include <optional>
#include <string_view>

#include "judge/answer.h"

namespace polaris {

/// read_answer() under TotalsRule::kAsClaimed.
AnswerResult read_claimed_answer(std::string_view text, const Rubric& rubric);

/// The four totals that an answer reports; absent unless all are numbers.
std::optional<ClaimedTotals> reported_totals(const Json& object);

}  // namespace polaris
