#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "judge/answer_form.h"

namespace polaris {

/// Which form of answer a server takes, learned from what it says to the calls themselves:
/// native schema, then grammar, then the schema in the prompt. A form is given up only when the
/// server has refused it twice and never answered in it: one refusal, error or odd answer changes
/// nothing, and what has worked once is kept. judge.schema other than "auto" is kept in any case.
/// Plain data, no lock.
class FormMemory {
 public:
  explicit FormMemory(const JudgeConfig& config);

  /// Begins with what an earlier run learned; a word that is none is ignored. The server may have
  /// changed since, so it is as if nothing had been answered yet.
  void recall(std::string_view name);

  AnswerForm form() const { return form_; }
  std::string name() const;

  /// A model answered in `form`. @return whether that is news
  bool answered(const AnswerForm& form);

  /// The server refused `form`. @return whether another form is used from now on
  bool refused(const AnswerForm& form);

 private:
  JudgeDialect dialect_;
  JudgeApi api_;
  bool may_change_;
  AnswerForm form_;
  bool is_settled_ = false;
  int refusals_ = 0;
};

}  // namespace polaris
