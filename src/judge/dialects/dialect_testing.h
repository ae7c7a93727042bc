#pragma once

#include <string>

#include "judge/dialect.h"
#include "judge/judge_testing.h"

namespace polaris {

/// A question as QuestionWriter makes it, about a small story.
inline ModelQuestion test_question(const AnswerForm& form = {.native = true},
                                   std::int64_t max_output_tokens = 32000) {
  const QuestionWriter writer(shipped_rubric(), {}, TotalsRule::kRecomputed,
                              LengthSentenceRule::kThatSentence);
  return writer.question("A boat.", "Mara went.", form, max_output_tokens);
}

/// The body of the call that `config` makes of a question.
inline OrderedJson body_of(const JudgeConfig& config, const ModelQuestion& question) {
  return dialect_of(config).call(config, question).body;
}

inline ModelAnswer read_body(const JudgeConfig& config, const char* json) {
  return dialect_of(config).read(Json::parse(json));
}

}  // namespace polaris
