#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "judge/answer_form.h"
#include "judge/judge_config.h"
#include "judge/messages.h"
#include "judge/rubric_text.h"

namespace polaris {

/// What is asked, in no vendor's words.
struct ModelQuestion {
  JudgeMessages messages;
  std::optional<OrderedJson> schema;   ///< for the vendor's schema field
  std::optional<std::string> grammar;  ///< GBNF
  std::int64_t max_output_tokens = 0;  ///< thinking included
};

/// Asks about stories. The rubric's text, schema and grammar are the same in every question and
/// stand first, so that a vendor's prefix cache applies.
class QuestionWriter {
 public:
  /// @throws Error{kInvalidData} as rubric_text()
  QuestionWriter(const Rubric& rubric, const JudgeConfig& config, TotalsRule totals,
                 LengthSentenceRule length_sentence);

  ModelQuestion question(std::string_view prompt, std::string_view story, const AnswerForm& form,
                         std::int64_t max_output_tokens) const;

 private:
  UserMessage user_message_;
  LengthSentenceRule length_sentence_;
  std::string rubric_;
  std::string rubric_with_schema_;
  OrderedJson schema_;
  std::string grammar_;
};

}  // namespace polaris
