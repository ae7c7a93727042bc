#pragma once

#include <optional>
#include <string_view>

#include "judge/judge_config.h"

namespace polaris {

/// How a model is held to the rubric's form.
struct AnswerForm {
  bool native = false;     ///< the vendor's own schema field
  bool grammar = false;    ///< a GBNF grammar beside the question
  bool in_prompt = false;  ///< the schema at the end of the system message

  bool operator==(const AnswerForm&) const = default;
};

/// True if the vendor documents schema output for models of this name: the GPT-4o, 4.1, 5 and o
/// families, Gemini 2 and later, Claude 4.5 and later.
/// Source: golden/reward `supports_native_schema`, less its oversight of Gemini 3.1.
bool has_native_schema(JudgeDialect dialect, std::string_view model);

/// The form to begin with. kAuto is native where has_native_schema() holds; on another
/// OpenAI-compatible server native and in the prompt, since some ignore the schema without a word;
/// elsewhere in the prompt.
AnswerForm answer_form(SchemaMode mode, JudgeDialect dialect, std::string_view model);

/// What to try when a server refuses `form` and the mode is kAuto: native, grammar (OpenAI chat
/// only), prompt. Absent: there is nothing weaker.
std::optional<AnswerForm> weaker_form(const AnswerForm& form, JudgeDialect dialect, JudgeApi api);

}  // namespace polaris
