#include "judge/question.h"

#include "judge/answer_schema.h"
#include "judge/schema_grammar.h"

namespace polaris {
namespace {

/// Without the keys that describe the document and not the answer; vendors refuse them.
OrderedJson sent_form(OrderedJson schema) {
  schema.erase("$schema");
  schema.erase("title");
  return schema;
}

}  // namespace

QuestionWriter::QuestionWriter(const Rubric& rubric, const JudgeConfig& config, TotalsRule totals,
                               LengthSentenceRule length_sentence)
    : user_message_(config.user_message),
      length_sentence_(length_sentence),
      rubric_(rubric_text(rubric, totals)),
      schema_(sent_form(answer_schema(rubric, totals))),
      grammar_(schema_grammar(schema_)) {
  rubric_with_schema_ = with_schema(rubric_, schema_.dump());
}

ModelQuestion QuestionWriter::question(std::string_view prompt, std::string_view story,
                                       const AnswerForm& form,
                                       std::int64_t max_output_tokens) const {
  ModelQuestion question{
      .messages = {.system = form.in_prompt ? rubric_with_schema_ : rubric_,
                   .user = judge_user_message(prompt, story, user_message_, length_sentence_)},
      .max_output_tokens = max_output_tokens};
  if (form.native) question.schema = schema_;
  if (form.grammar) question.grammar = grammar_;
  return question;
}

}  // namespace polaris
