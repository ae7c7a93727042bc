#pragma once

#include <string_view>

#include "base/json.h"
#include "judge/answer.h"
#include "judge/judge.h"
#include "judge/rubric.h"

namespace polaris {

/// How this judge is called wherever a judge's model is named: it is not a language model.
inline constexpr std::string_view kLexicalJudgeName = "lexical-1 (text statistics, not an LLM)";

/// Fills the rubric from text statistics: for each dimension one measure of the words on the page,
/// mapped to points by a documented formula, with the measured values as justification and quotes
/// from the story as evidence. Deterministic; linear in the size of the story (about 1 ms per
/// 1,000 words). It knows nothing about what a story means: a stand-in for demos and tests, where a
/// real judge costs money or network. Formulas: docs/lexical_judge.md.
///
/// Never fails: an empty story gets no points for anything, and N1 in full.
/// `Answer::object` stays empty; see lexical_answer_object().
Answer read_lexically(const JudgeRequest& request);

/// The reading in the form of an LLM judge's answer, which read_answer() reads back: what the
/// `parsed` and `raw_text` of a judgement record hold.
Json lexical_answer_object(const Answer& reading, const Rubric& rubric);

/// Answers with read_lexically() before submit() returns.
class LexicalJudge : public Judge {
 public:
  void submit(JudgeRequest request, OnReply on_reply) override;
};

}  // namespace polaris
