#pragma once

#include <string>
#include <string_view>

#include "judge/judge_config.h"
#include "text/length_sentence.h"

namespace polaris {

/// What a judge is sent: the rubric, and the prompt with the story.
struct JudgeMessages {
  std::string system;
  std::string user;
};

/// The user message: the prompt without its requested length, and the story as it is.
///
///   published   "STORY PROMPT:\n{prompt}\n\nSTORY:\n{story}\n"
///   marked      <<<PROMPT>>>, {prompt}, <<<END PROMPT>>>, <<<STORY>>>, {story}, <<<END STORY>>>,
///               each on its own line
///
/// If prompt or story contain a marker, all four carry a suffix that neither contains
/// ("<<<STORY 5f0c21aa>>>"). It depends on the two texts only: the same question is the same
/// message, so that a stored answer is found again.
/// Source: specs/evaluation.md 2.1; golden/eval `sq_user_message`.
std::string judge_user_message(std::string_view prompt, std::string_view story, UserMessage form,
                               LengthSentenceRule length_sentence);

/// The rubric, with the answer's schema at its end for a model that gets it no other way.
std::string with_schema(std::string system, std::string_view schema);

}  // namespace polaris
