// Where the JSON object stands in what a judging model wrote.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <variant>

#include "base/json.h"
#include "judge/judge.h"

namespace polaris {

/// Why an answer does not count.
struct AnswerProblem {
  JudgeFailure failure = JudgeFailure::kUnparseable;
  std::string message;
};

/// Longer answers are refused: 65,536 tokens are half a megabyte.
inline constexpr std::size_t kMaxAnswerBytes = std::size_t{4} << 20;

/// How much of an answer an object looks like.
enum class AnswerMatch {
  kNone,      ///< something else
  kPartial,   ///< some of the keys that an answer needs
  kComplete,  ///< all of them
};
using MatchAnswer = std::function<AnswerMatch(const Json& object)>;

/// The last complete object in `text` that is an answer, else the last that looks like one; fences,
/// prose, a reasoning block and a byte order mark around it do not matter. Nothing is repaired:
/// NaN, a key that stands twice, an object that is cut off are problems.
///
///   kUnparseable  no object can be read
///   kInvalid      there is one, but it is not an answer, or one of its keys stands twice
///
/// Source: specs/evaluation.md 1.3.
std::variant<Json, AnswerProblem> find_answer(std::string_view text, const MatchAnswer& match);

}  // namespace polaris
