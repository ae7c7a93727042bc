// The published way of finding the JSON object in an answer; used under totals = "as_claimed".
#pragma once

#include <optional>
#include <string_view>
#include <variant>

#include "judge/answer_text.h"

namespace polaris {

/// The published rule: trim, take off one opening fence at the very start (tagged json or not) and
/// one closing fence at the very end, trim. Source: golden/reward `judge_text_cleanup`.
std::string_view published_cleanup(std::string_view text);

/// From the first "{" to the last "}"; absent if there is no such span.
std::optional<std::string_view> published_span(std::string_view text);

/// The object by the published rule: the whole text without its fences or, if that is not JSON, the
/// span. As Python's reader does, the last of two equal keys counts and Infinity is a number; NaN,
/// which would buy the best reward of all, is null here.
std::variant<Json, AnswerProblem> find_published_answer(std::string_view text);

}  // namespace polaris
